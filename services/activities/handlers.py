"""What activities does when others speak: keeps its copies of members, accounts, people and deals."""

from collections.abc import Mapping, Sequence

from services.activities.copies import ACCOUNTS, CONTACTS, MEMBERS, OPPORTUNITIES
from services.activities.removal.queries import TEXTS
from services.kit import erasure
from services.kit.db import Session
from services.kit.events import Event
from services.kit.handlers import Batch, Handler


async def fold_contacts(session: Session, events: Sequence[Event]) -> None:
    """Folds people; of those who were erased, what is kept beside the rows goes as well."""
    await erasure.forget_people(session, CONTACTS, TEXTS, events)
    await CONTACTS.fold(session, erasure.unscrubbed(events))


HANDLERS: Mapping[str, Handler | Batch] = {
    "member": Batch(MEMBERS.fold, MEMBERS),
    "account": Batch(ACCOUNTS.fold, ACCOUNTS),
    "contact": Batch(fold_contacts, CONTACTS),
    "opportunity": Batch(OPPORTUNITIES.fold, OPPORTUNITIES),
}
