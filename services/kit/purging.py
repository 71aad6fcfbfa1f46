"""Purging: what has been deleted for long enough goes for good, a few rows at a time.

A row to which others of the service still refer waits for them; so what followed a row goes before it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg import sql

from services.kit import erasure
from services.kit.db import Database, Session, literal
from services.kit.dependants import Deletable
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
        # Until nothing is left that nothing refers to: what lies above waits for what lies below.
        while gone := await _purge_some(db, deletable, days):
            purged += gone
    return purged


async def _purge_some(db: Database, deletable: Deletable, days: int) -> int:
    try:
        async with db.transaction() as tx:
            ids = await _due(tx, deletable, days, BATCH)
            await erasure.erase(tx, deletable, ids, CAUSE)
            return len(ids)
    except psycopg.errors.ForeignKeyViolation as error:
        # Something refers to one of them that nobody declared: they stay, and nothing else waits for it.
        log.warning(
            "purge_refused", aggregate=deletable.aggregate.name, constraint=error.diag.constraint_name
        )
        return 0


async def _due(tx: Session, deletable: Deletable, days: int, limit: int) -> list[UUID]:
    found = await tx.execute(_statement(deletable), {"days": days, "limit": limit})
    return [row[0] async for row in found]


_DUE = sql.SQL("""SELECT p.id FROM {relation} p
WHERE p.deleted_at < now() - make_interval(days => %(days)s::integer){free}
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
        if each.relation
    ]
    return literal(_DUE.format(relation=deletable.aggregate.relation, free=sql.SQL("").join(free)))
