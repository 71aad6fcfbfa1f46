"""Purging: what has been deleted for long enough goes for good, a few rows at a time.

A row to which others of the service still refer waits for them; so what followed a row goes before it. What stays when
a row is deleted does not keep it: it names a row that is not there, as it did before.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg import sql

from services.kit import erasure
from services.kit.db import Database, Session, blame_at_once, literal
from services.kit.dependants import Deletable, Meaning
from services.kit.events import PURGE
from services.kit.journal import Cause

BATCH: Final = 200
"""Rows that one transaction purges at the most."""

CAUSE: Final = Cause(actor=PURGE)

log = structlog.get_logger()


async def purge(db: Database, deletables: Sequence[Deletable], days: int) -> int:
    """Erases what was deleted so many days ago; gives how many rows. `deletables` come before what they hang on.

    Raises psycopg.Error; what was purged until then is.
    """
    purged = 0
    for deletable in deletables:
        refused: list[UUID] = []
        # Until nothing is left that nothing refers to: what lies above waits for what lies below.
        while True:
            gone, kept = await _purge_some(db, deletable, days, refused)
            if not gone and not kept:
                break
            purged += gone
            refused += kept
    return purged


async def _purge_some(
    db: Database, deletable: Deletable, days: int, refused: Sequence[UUID]
) -> tuple[int, list[UUID]]:
    """How many rows are gone, and which of those that were to go something else refers to that nobody declared.

    Those were tried each alone, so that nothing else waits for them.
    """
    async with db.transaction() as tx:
        await blame_at_once(tx)
        ids = await _due(tx, deletable, days, refused)
        constraint = await _refusal(tx, deletable, ids)
        if constraint is None:
            return len(ids), []
        kept = [id for id in ids if await _refusal(tx, deletable, [id])]
    log.warning("purge_refused", aggregate=deletable.aggregate.name, constraint=constraint, rows=len(kept))
    return len(ids) - len(kept), kept


async def _refusal(tx: Session, deletable: Deletable, ids: Sequence[UUID]) -> str | None:
    """Erases the rows, all of them or none; gives what keeps them."""
    try:
        async with tx.transaction():
            await erasure.erase(tx, deletable, ids, CAUSE)
    except psycopg.errors.ForeignKeyViolation as error:
        return str(error.diag.constraint_name)
    return None


async def _due(tx: Session, deletable: Deletable, days: int, refused: Sequence[UUID]) -> list[UUID]:
    given = {"days": days, "limit": BATCH, "refused": refused}
    found = await tx.execute(_statement(deletable), given)
    return [row[0] async for row in found]


_DUE = sql.SQL("""SELECT p.id FROM {relation} p
WHERE p.deleted_at < now() - make_interval(days => %(days)s::integer)
  AND p.id <> ALL (%(refused)s::uuid[]){free}
ORDER BY p.deleted_at LIMIT %(limit)s::integer FOR UPDATE SKIP LOCKED /* sight */""")


@lru_cache(maxsize=64)
def _statement(deletable: Deletable) -> LiteralString:
    free = [
        sql.SQL(
            " AND NOT EXISTS (SELECT FROM "
            + each.relation
            + " r WHERE "
            + each.where.replace("{root}", "p.id")
            + ")"
        )
        for each in deletable.dependants
        if each.relation and each.meaning is not Meaning.STAY
    ]
    return literal(_DUE.format(relation=deletable.aggregate.relation, free=sql.SQL("").join(free)))
