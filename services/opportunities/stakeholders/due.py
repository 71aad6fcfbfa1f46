"""The part of the worker that looks after standings which the passing of time alone changes."""

import asyncio
from typing import Final

import psycopg
import psycopg_pool
import structlog

from services.kit.backoff import pause
from services.kit.clock import now
from services.kit.db import Database
from services.kit.settings import Settings
from services.opportunities.policy import policy_of
from services.opportunities.stakeholders import queries, standing

POLL: Final = 30.0
"""Seconds between two looks. Links fade at midnight, so nobody waits for it."""

BATCH: Final = 200
"""Deals that one transaction brings up to date."""

log = structlog.get_logger()


class DueStandings:
    """Brings standings up to date whose `valid_until` has passed. Several may run: deals are locked."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings, self._db = settings, db
        self._trouble: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; outages of the database do not end it."""
        while not stop.is_set():
            try:
                while await self.work() == BATCH and not stop.is_set():
                    pass
                self._trouble = None
            except (psycopg.Error, psycopg_pool.PoolTimeout, OSError) as error:
                self._trouble = f"standings: the database does not answer ({type(error).__name__})"
                log.warning("standings_interrupted", error=type(error).__name__)
            await pause(stop, POLL)

    async def work(self) -> int:
        """Brings one batch up to date and gives the number of its deals."""
        async with self._db.transaction() as tx:
            ids = await queries.deals_due(tx, now(), BATCH)
            await standing.refresh(tx, ids, policy_of(self._settings.policy_file), self._settings.timezone)
        return len(ids)

    def ready(self) -> str | None:
        """Why it cannot do its work; None while it can."""
        return self._trouble
