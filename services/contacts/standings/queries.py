"""Every SELECT of standings."""

from collections.abc import Sequence
from typing import LiteralString, NamedTuple
from uuid import UUID

from services.contacts.standings.tables import AccountStanding
from services.kit.aggregates import Aggregate
from services.kit.db import Session
from services.kit.rows import STAMPS

STANDING = Aggregate(
    "account_standing",
    "account-standings",
    AccountStanding,
    ("id", "deal_team_ids", "version", *STAMPS),
)

_LOCKED: LiteralString = """
SELECT r.id FROM account r WHERE r.id = ANY (%(ids)s::uuid[]) AND r.deleted_at IS NULL
ORDER BY r.id FOR NO KEY UPDATE /* sight */"""
_DUE: LiteralString = """
SELECT r.id, r.partition_key, s.id IS NOT NULL, told.deal_team_ids
FROM account r
LEFT JOIN account_standing s ON s.id = r.id
CROSS JOIN LATERAL (
  SELECT coalesce(jsonb_agg(DISTINCT o.owner_id ORDER BY o.owner_id), '[]') AS deal_team_ids
  FROM opportunity o
  WHERE o.account_id = r.id AND o.status = 'OPEN' AND o.owner_id IS NOT NULL AND o.deleted_at IS NULL
) told
WHERE r.id = ANY (%(ids)s::uuid[]) AND r.deleted_at IS NULL
  AND told.deal_team_ids IS DISTINCT FROM coalesce(s.deal_team_ids, '[]')
ORDER BY r.id /* sight */"""


class Due(NamedTuple):
    """A standing that is out of date: the account, whether it has one, and the team that it should show."""

    account_id: UUID
    partition_key: UUID
    exists: bool
    deal_team_ids: list[str]


async def lock_accounts(session: Session, ids: Sequence[UUID]) -> None:
    """Locks the accounts in the order of their ids, so that a standing is derived by one hand at a time."""
    await session.execute(_LOCKED, {"ids": list(ids)})


async def due(session: Session, ids: Sequence[UUID]) -> list[Due]:
    """The standings among the accounts' that differ from what their deals say."""
    cursor = await session.execute(_DUE, {"ids": list(ids)})
    return [Due(*row) for row in await cursor.fetchall()]


async def accounts_of(session: Session, deals: Sequence[UUID]) -> set[UUID]:
    """The accounts at which the copies of these deals are."""
    cursor = await session.execute(
        "SELECT DISTINCT account_id FROM opportunity"
        " WHERE id = ANY (%(ids)s::uuid[]) AND account_id IS NOT NULL /* sight */",
        {"ids": list(deals)},
    )
    return {row[0] for row in await cursor.fetchall()}
