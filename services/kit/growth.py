"""How far a journal is numbered, for those who wait for more: one look at the database for all who wait in a process.

Whoever waits holds no connection. While nobody waits, nobody looks.
"""

import asyncio
from contextlib import suppress
from typing import Final, LiteralString

import psycopg
import psycopg_pool

from services.kit.backoff import pause
from services.kit.db import Database, one

POLL: Final = 0.2
"""Seconds from one look to the next."""

MAX_WAIT: Final = 30
"""Seconds for which a request may wait."""

UNKNOWN: Final = -1
"""Below every position."""

_AFTER_TROUBLE: Final = 1.0
_PATIENCE: Final = 5.0
_HEAD: LiteralString = "SELECT position FROM journal_head"


class Head:
    """The last position of the service's journal, as far as this process has looked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._position = UNKNOWN
        self._moved = asyncio.Event()
        self._ended = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None

    async def beyond(self, position: int, seconds: float) -> int:
        """Waits until the head is beyond `position`, for `seconds` at the most; gives the head as it is known then."""
        self._waiting += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="head")
        try:
            async with asyncio.timeout(seconds):
                while self._position <= position and not self._ended.is_set():
                    await self._moved.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._position

    @property
    def ended(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._ended.is_set()

    def end(self) -> None:
        """Lets all go who wait, now and later."""
        self._ended.set()
        self._moved.set()

    async def close(self) -> None:
        """Ends, and looks no more."""
        self.end()
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        while self._waiting and not self.ended:
            seconds = POLL
            try:
                async with asyncio.timeout(_PATIENCE), self._db.connect() as session:
                    row = await one(session, _HEAD, {})
                self._tell(row[0] if row else UNKNOWN)
            except (psycopg.Error, psycopg_pool.PoolTimeout, OSError):
                seconds = _AFTER_TROUBLE
            await pause(self._ended, seconds)

    def _tell(self, position: int) -> None:
        if position != self._position:
            self._position = position
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
