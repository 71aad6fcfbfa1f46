"""The sweeper: what a service's database needs now and then, whatever else goes on.

It deletes the answers of idempotent requests that have been kept long enough, purges what was deleted long ago, and
with it imports that ended as long ago; makes months to come, so that no entry ever waits for one, and drops those that
are past its retention: whole months, and never one of which anything is unpublished.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, LiteralString

import psycopg
import structlog
from psycopg import sql

from services.kit import idempotency, imports_work
from services.kit.backoff import Backoff, pause
from services.kit.db import Database, one
from services.kit.dependants import Deletable
from services.kit.purging import purge

EVERY: Final = 600.0
"""Seconds between two sweeps."""

log = structlog.get_logger()

_MONTHS: LiteralString = """
SELECT journal_month(now()), journal_month(now() + interval '1 month'), journal_month(now() + interval '2 months')"""


class Sweeper:
    """Sweeps until it is told to stop. Any number of workers may do so at once."""

    def __init__(
        self,
        db: Database,
        *,
        every: float = EVERY,
        retention_days: int = 0,
        deletables: Sequence[Deletable] = (),
        deleted_days: int = 0,
    ) -> None:
        self._db = db
        self._every = every
        self._retention_days = retention_days
        self._deletables = deletables
        self._deleted_days = deleted_days

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps at once, then every so often; sooner where the database did not let it."""
        backoff = Backoff(first=1, most=60)
        while not stop.is_set():
            try:
                await self.sweep()
            except (psycopg.Error, OSError) as error:
                log.warning("sweep_failed", error=type(error).__name__)
                await backoff.wait(stop)
                continue
            backoff.reset()
            await pause(stop, self._every)

    async def sweep(self) -> None:
        """One sweep. Raises psycopg.Error."""
        async with self._db.connect() as session:
            await session.execute(_MONTHS)
        if swept := await idempotency.sweep(self._db):
            log.info("swept", answers=swept)
        if self._deleted_days:
            await self._let_go(self._deleted_days)
        if self._retention_days:
            await forget(self._db, self._retention_days)

    async def _let_go(self, days: int) -> None:
        if purged := await purge(self._db, self._deletables, days):
            log.info("purged", rows=purged)
        if ended := await imports_work.sweep(self._db, days):
            log.info("imports_forgotten", imports=ended)

    def ready(self) -> str | None:
        """Nothing waits for a sweep."""
        return None


async def forget(db: Database, retention_days: int) -> list[str]:
    """Drops the journal's months that ended so many days ago and are published; gives their names.

    Raises psycopg.Error, also where somebody reads there for longer than a lock is waited for; what was dropped until
    then is.
    """
    dropped: list[str] = []
    while True:
        async with db.transaction() as tx:
            row = await one(tx, _FORGOTTEN, {"days": retention_days})
            if row is None:
                return dropped
            name, end = row
            await tx.execute(_FORGET_ORDER, {"end": end})
            await tx.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        log.info("journal_month_dropped", partition=name)
        dropped.append(name)


# The oldest month, if it is past retention and all of it is published.
_FORGOTTEN: LiteralString = """
SELECT m.name, m.after FROM (
  SELECT c.relname AS name, to_date(right(c.relname, 7), 'YYYY"m"MM') + interval '1 month' AS after
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'journal'::regclass AND c.relname ~ '^journal_y[0-9]{4}m[0-9]{2}$'
  ORDER BY 2 LIMIT 1
) m
WHERE m.after < now() - make_interval(days => %(days)s::integer)
  AND NOT EXISTS (SELECT FROM journal_queue q WHERE q.recorded_at < m.after)
  AND NOT EXISTS (
    SELECT FROM journal_order o, journal_cursor c WHERE o.position > c.published AND o.recorded_at < m.after)
"""
_FORGET_ORDER: LiteralString = """
DELETE FROM journal_order o USING journal_cursor c WHERE o.position <= c.published AND o.recorded_at < %(end)s"""
