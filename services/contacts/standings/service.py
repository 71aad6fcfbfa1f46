"""Deriving standings, in the transaction that changes what they rest on."""

from collections.abc import Iterable
from uuid import UUID

from services.contacts.standings import queries
from services.contacts.standings.queries import STANDING
from services.kit import sets
from services.kit.db import Session
from services.kit.journal import Cause
from services.kit.sets import Put

DERIVED = Cause(actor="service:contacts")


async def derive(session: Session, accounts: Iterable[UUID]) -> None:
    """Brings the accounts' standings to what their deals say; a standing that says so already is left alone."""
    ids = sorted(set(accounts))
    if not ids:
        return
    await queries.lock_accounts(session, ids)
    rows = [
        Put(
            found.account_id,
            found.partition_key,
            {"deal_team_ids": found.deal_team_ids},
            fact="updated" if found.exists else "created",
        )
        for found in await queries.due(session, ids)
    ]
    await sets.put(session, STANDING, rows, DERIVED)
