"""The sweeper: what a service's database needs now and then, whatever else goes on.

It deletes the answers of idempotent requests that have been kept long enough, and makes the journal's partitions of the
months to come, so that no entry ever waits for one.
"""

import asyncio
from typing import Final, LiteralString

import psycopg
import structlog

from services.kit import idempotency
from services.kit.backoff import Backoff, pause
from services.kit.db import Database

EVERY: Final = 600.0
"""Seconds between two sweeps."""

log = structlog.get_logger()

_MONTHS: LiteralString = """
SELECT journal_month(now()), journal_month(now() + interval '1 month'), journal_month(now() + interval '2 months')"""


class Sweeper:
    """Sweeps until it is told to stop. Any number of workers may do so at once."""

    def __init__(self, db: Database, *, every: float = EVERY) -> None:
        self._db = db
        self._every = every

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

    def ready(self) -> str | None:
        """Nothing waits for a sweep."""
        return None
