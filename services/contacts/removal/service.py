"""What can be taken away and brought back, and what cannot."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson

from services.contacts.accounts.queries import SIGHT as ACCOUNT_SIGHT
from services.contacts.members.queries import EVERYBODY
from services.contacts.people.queries import OWNER, SIGHT, lock_lines, notes
from services.contacts.removal import queries
from services.contacts.removal.domain import ErasureReason
from services.contacts.removal.queries import ACCOUNTS, CONTACTS, LINKS, MEMBERS, TEXTS, Person
from services.contacts.removal.schemas import ErasureCreate
from services.contacts.standings import service as standings
from services.kit import deletion, erasure, idempotency, journal, mentions
from services.kit.access import (
    SHOWN,
    as_seller,
    below,
    may_edit,
    may_hand_over,
    require_admin,
    require_entrusted,
    require_writer,
)
from services.kit.calls import Call
from services.kit.clock import instant, now
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.mentions import Erased
from services.kit.problems import Conflict

TOPIC_DAYS: Final = 15
"""After so many days topics that name people, and dead letters, hold nothing from before.

They keep 14 days (`deploy/kafka/topics.yaml`), and let go by segments, of which one spans a day.
"""


async def delete_member(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes a member who owns nothing and manages nobody.

    Raises Forbidden, NotFound, PreconditionFailed, Conflict (has_dependants).
    """
    require_admin(call.viewer)
    return await deletion.delete(tx, call, MEMBERS, id, expected, sight=EVERYBODY, may="true")


async def restore_member(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores a member. Raises Forbidden, NotFound, Conflict (the manager is deleted)."""
    require_admin(call.viewer)
    return await deletion.restore(tx, call, MEMBERS, id, sight=EVERYBODY, may="true")


async def delete_account(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes an account with its people: for its owner, the managers above, and admin.

    Raises NotFound, Forbidden, PreconditionFailed, Conflict (has_dependants).
    """
    sight, may = ACCOUNT_SIGHT.visible(call.viewer), may_hand_over(call.viewer, "r.owner_id")
    return await deletion.delete(tx, call, ACCOUNTS, id, expected, sight=sight, may=may)


async def restore_account(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores an account with the people who went along. Nobody has a seat at a deleted account but its owner.

    Raises NotFound, Conflict (the parent or the owner is deleted, a circle of reporting).
    """
    sight = "/* sight */ true" if call.viewer.is_admin else "/* sight */ " + below("r.owner_id")
    await lock_lines(tx)
    row = await deletion.restore(tx, call, ACCOUNTS, id, sight=sight, may="true")
    await _check_lines(tx, id)
    await standings.derive(tx, [id])
    return row


async def delete_contact(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes a person with the links to others: for whoever may edit the person.

    Raises NotFound, Forbidden, PreconditionFailed.
    """
    sight, may = SIGHT.visible(call.viewer), may_edit(call.viewer, OWNER, SIGHT)
    return await deletion.delete(tx, call, CONTACTS, id, expected, sight=sight, may=may)


async def restore_contact(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores a person with the links that went along.

    Raises NotFound, Forbidden, Conflict (the account is deleted, a circle of reporting).
    """
    sight, may = SIGHT.visible(call.viewer), may_edit(call.viewer, OWNER, SIGHT)
    await lock_lines(tx)
    row = await deletion.restore(tx, call, CONTACTS, id, sight=sight, may=may)
    await _check_lines(tx, id)
    return row


async def restore_link(tx: Session, call: Call, contact: UUID, id: UUID) -> Shown:
    """Restores a link of the person.

    Raises NotFound, Forbidden, Conflict (a person is deleted, the two are linked again, a circle of reporting).
    """
    require_writer(call.viewer)
    sight = SIGHT.visible(as_seller(call.viewer)) + " AND r.from_contact_id = %(contact)s::uuid"
    await lock_lines(tx)
    row = await deletion.restore(
        tx, call, LINKS, id, sight=sight, may="true", knows=notes(call.viewer), given={"contact": contact}
    )
    await _check_lines(tx, id)
    return row


async def _check_lines(tx: Session, id: UUID) -> None:
    if await queries.is_circular(tx, id):
        raise Conflict(
            "cycle",
            "Restored, a line of reporting would run in a circle; take the link that was made since back.",
        )


async def erase_contact(tx: Session, call: Call, id: UUID, body: ErasureCreate) -> str:
    """Erases a person for good, deleted or not, and gives the JSON of `ErasureRead`; once erased, says so again.

    The row stays, with id and account, so that what names it finds nobody. Raises Forbidden, NotFound.
    """
    require_entrusted(call.viewer)
    person = await queries.hold_person(tx, id)
    if person.erased_at is None:
        await _erase(tx, call, id, person, body.reason)
    told = await _erasure(tx, id) | {"location": f"/v1/contacts/{id}/erasure"}
    answer = orjson.dumps(told).decode()
    await idempotency.keep(tx, call.cause.key, status=200, answer=answer)
    return answer


async def _erase(tx: Session, call: Call, id: UUID, person: Person, reason: ErasureReason) -> None:
    at, cause = now(), replace(call.cause, key=None)
    await mentions.keep(tx, TEXTS, [Erased(id, person.account_id, at, person.names, reason)])
    if not person.from_start:
        await erasure.doubt(tx, [id])
    links = await queries.links_of(tx, id)
    await erasure.erase(tx, LINKS, links, cause)
    values = {**CONTACTS.blank, "external_ids": dict.fromkeys(person.external_ids)}
    values |= {"deleted_at": at, "erased_at": at, "erasure_reason": reason}
    row = await journal.update(tx, CONTACTS.aggregate, id, values, cause, fact="erased", allowed=SHOWN)
    assert row is not None
    await erasure.scrub(tx, [id], CONTACTS.blank)
    await erasure.forget_answers(tx, [id, *links], person.names)
    await erasure.forget_reports(tx, [*person.names, *person.numbers])


async def show_erasure(session: Session, call: Call, id: UUID) -> str:
    """An erasure, of a person who was purged since too, as the JSON of `ErasureShown`. Raises Forbidden, NotFound."""
    require_entrusted(call.viewer)
    return orjson.dumps(await _erasure(session, id)).decode()


async def _erasure(session: Session, id: UUID) -> dict[str, object]:
    kept = await mentions.kept(session, id)
    return {
        "contact_id": id,
        "account_id": kept.account_id,
        "erased_at": instant(kept.at),
        "reason": kept.reason,
        "topics_clean_at": instant(kept.at + timedelta(days=TOPIC_DAYS)),
        **kept.told("contacts"),
    }
