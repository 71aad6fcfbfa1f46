"""What opportunities does when others speak: keeps its copies, and draws the links between people on deals' maps.

A meeting logged as done, and an alliance in contacts, link people; the standings of the open deals with two of them on
their map are brought up to date in the same transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import erasure
from services.kit.copies import GONE
from services.kit.db import Session
from services.kit.events import ERASED, Event
from services.kit.handlers import Batch, Handler
from services.kit.settings import Settings
from services.opportunities.copies import (
    ACCOUNTS,
    CONTACT_LINKS,
    CONTACTS,
    JOINT_ACTIVITIES,
    MEMBERS,
    Activity,
    ContactLink,
)
from services.opportunities.policy import Policy, policy_of
from services.opportunities.removal import service as removal
from services.opportunities.removal.queries import TEXTS
from services.opportunities.stakeholders import standing
from services.opportunities.stakeholders.queries import (
    deals_linked,
    forget_meetings,
    lock_links,
    meetings_known,
)


async def fold_contacts(session: Session, events: Sequence[Event]) -> None:
    """Folds people; of those who were erased, what maps say about them goes as well."""
    if erased := sorted({event.subject_id for event in events if event.fact == ERASED}):
        await removal.silence_people(session, erased)
    await erasure.forget_people(session, CONTACTS, TEXTS, events)
    await CONTACTS.fold(session, erasure.unscrubbed(events))


async def fold_links(session: Session, events: Sequence[Event]) -> None:
    """Folds links between people; alliances, made or ended, tell on the maps of deals."""
    told = [ContactLink.model_validate(event.data) for event in events]
    pairs = [(link.from_contact_id, link.to_contact_id) for link in told if link.kind == "ALLY"]
    await lock_links(session, _people(pairs))
    await CONTACT_LINKS.fold(session, events)
    await _refresh(session, pairs)


async def fold_activities(session: Session, events: Sequence[Event]) -> None:
    """Keeps what was done with two people of the customer or more; what was, is no longer, or was with others tells."""
    latest = {event.subject_id: event for event in events}
    known = await meetings_known(session, latest)
    met = {id: activity for id, event in latest.items() if (activity := _met(event)) is not None}
    groups = [*known.values(), *(activity.contact_ids for activity in met.values())]
    if not groups:
        return
    await lock_links(session, _people(groups))
    await JOINT_ACTIVITIES.keep(
        session,
        [
            {
                "id": id,
                "version": latest[id].version,
                "contact_ids": activity.contact_ids,
                "happened_at": activity.started_at,
            }
            for id, activity in met.items()
        ],
    )
    await forget_meetings(session, {id: latest[id].version for id in known.keys() - met.keys()})
    await _refresh(session, groups)


def _met(event: Event) -> Activity | None:
    """The activity, if it brought people of the customer together."""
    told = Activity.model_validate(event.data)
    gone = event.fact in GONE
    joint = told.status == "DONE" and told.started_at is not None and len(set(told.contact_ids)) > 1
    return told if joint and not gone else None


def _people(groups: Collection[Collection[UUID]]) -> set[UUID]:
    return {contact for group in groups for contact in group}


async def _refresh(session: Session, groups: Collection[Collection[UUID]]) -> None:
    if groups:
        deals = await deals_linked(session, groups)
        await standing.refresh(session, deals, *_rules())


@lru_cache
def _rules() -> tuple[Policy, ZoneInfo]:
    """The organisation's policy and time zone, as this process was told them."""
    settings = Settings()
    return policy_of(settings.policy_file), settings.timezone


HANDLERS: Mapping[str, Handler | Batch] = {
    "member": Batch(MEMBERS.fold, MEMBERS),
    "account": Batch(ACCOUNTS.fold, ACCOUNTS),
    "contact": Batch(fold_contacts, CONTACTS),
    "contact_link": Batch(fold_links, CONTACT_LINKS),
    "activity": Batch(fold_activities, JOINT_ACTIVITIES),
}
