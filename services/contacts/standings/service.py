"""Deriving standings, in the transaction that changes what they rest on."""

from collections.abc import Iterable
from uuid import UUID

from services.contacts.standings import queries
from services.contacts.standings.queries import STANDING
from services.kit import journal
from services.kit.db import Session
from services.kit.journal import Cause

DERIVED = Cause(actor="service:contacts")


async def derive(session: Session, accounts: Iterable[UUID]) -> None:
    """Brings the accounts' standings to what their deals say; a standing that says so already is left alone."""
    ids = sorted(set(accounts))
    if not ids:
        return
    await queries.lock_accounts(session, ids)
    for found in await queries.due(session, ids):
        values = {"deal_team_ids": found.deal_team_ids}
        if found.exists:
            await journal.update(session, STANDING, found.account_id, values, DERIVED)
        else:
            await journal.create(
                session, STANDING, values, DERIVED, id=found.account_id, partition_key=found.partition_key
            )
