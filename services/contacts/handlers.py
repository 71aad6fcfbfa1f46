"""What contacts does when opportunities speaks: keeps narrow copies of deals, derives teams from them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.contacts.standings import service as standings
from services.contacts.standings.queries import accounts_of
from services.kit.copies import Copy
from services.kit.db import Session
from services.kit.events import Event
from services.kit.handlers import Batch, Handler


class Deal(BaseModel):
    """A deal as this service reads it."""

    model_config = ConfigDict(extra="ignore")

    id: UUID
    account_id: UUID | None
    owner_id: UUID | None
    status: str


OPPORTUNITIES = Copy("opportunity", Deal, {"account_id": "uuid", "owner_id": "uuid"})


async def fold_deals(session: Session, events: Sequence[Event]) -> None:
    """Folds deals into their copies and derives the standings of the accounts they were or are at."""
    before = await accounts_of(session, [event.subject_id for event in events])
    await OPPORTUNITIES.fold(session, events)
    after = {Deal.model_validate(event.data).account_id for event in events}
    await standings.derive(session, before | {account for account in after if account is not None})


HANDLERS: Mapping[str, Handler | Batch] = {"opportunity": Batch(fold_deals, OPPORTUNITIES)}
