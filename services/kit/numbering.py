"""Numbering: gives the journal's rows their final positions.

Ids of transactions that overlap commit out of order, so nobody reads "id > last". Under the lock of the one
row of `journal_head`, a pass takes what is committed in `journal_queue`, lowest ids first, and gives it the
next positions. Positions are dense and final. Every worker numbers; the lock makes them take turns. A bell,
rung after commits, spares them waiting.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final, LiteralString, Self

import psycopg
import structlog

from services.kit.backoff import Backoff, breathe
from services.kit.db import Database, Session

POLL: Final = 0.25
"""Seconds after which a worker looks by itself, should no bell have rung."""

BATCH: Final = 5_000
"""Rows that one pass numbers at the most."""

_STROKE: Final = 0.01  # Seconds from one stroke of a bell to the next.

# Both ends find out within seconds that the other is gone, and with the session goes the lock.
_KEEPALIVE_OPTIONS = ("tcp_keepalives_idle=2", "tcp_keepalives_interval=1", "tcp_keepalives_count=3")

log = structlog.get_logger()


async def dedicated(url: str, name: str, *options: str) -> Session:
    """A session outside any pool, in autocommit: for listening, and for locks that a session holds.

    `options` are settings as in `name=value`. Waits at most 5 s for the connection. Raises psycopg.Error.
    """
    settings = ("timezone=UTC", "lock_timeout=2000", *_KEEPALIVE_OPTIONS, *options)
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name=name,
        connect_timeout=5,
        options=" ".join(f"-c {setting}" for setting in settings),
        keepalives=1,
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=3,
    )


class Bell:
    """Tells the service's workers that the journal has grown: after the commit, outside the transaction.

    Rings while one is on its way become one. A lost ring costs at most the worker's poll. It is an
    asynchronous context manager.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._rung = asyncio.Event()
        self._ringing: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Says so. Never blocks, never raises; does nothing once closed."""
        self._rung.set()

    async def __aenter__(self) -> Self:
        self._ringing = asyncio.create_task(self._ring_for_ever(), name="bell")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            with suppress(asyncio.CancelledError):
                await self._ringing

    async def _ring_for_ever(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                async with await dedicated(self._url, "bell") as session:
                    await self._ring_on(session)
            await asyncio.sleep(1)

    async def _ring_on(self, session: Session) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            await session.execute("NOTIFY journal")
            await asyncio.sleep(_STROKE)


async def number(db: Database) -> tuple[int, int]:
    """One pass over at most BATCH rows: gives how many it numbered, and the last position now.

    Waits for another numberer. Raises psycopg.Error; then nothing was numbered.
    """
    async with db.transaction() as tx:
        await tx.execute("SELECT FROM journal_head FOR UPDATE")
        # A statement of its own, for its snapshot: it sees whatever the numberer before us has taken.
        numbered = await (await tx.execute(_NUMBER, {"batch": BATCH})).fetchone()
    if numbered is None:
        raise LookupError("journal_head has no row")
    return numbered[0], numbered[1]


_NUMBER: LiteralString = """
WITH taken AS (
  DELETE FROM journal_queue WHERE id IN (SELECT id FROM journal_queue ORDER BY id LIMIT %(batch)s)
  RETURNING id, recorded_at
), placed AS (
  INSERT INTO journal_order (position, journal_id, recorded_at)
  SELECT h.position + row_number() OVER (ORDER BY t.id), t.id, t.recorded_at FROM taken t, journal_head h
), counted AS (
  SELECT count(*) AS rows FROM taken
), moved AS (
  UPDATE journal_head SET position = position + rows FROM counted WHERE rows > 0
)
SELECT rows, h.position + rows FROM counted, journal_head h
"""


class Numberer:
    """Numbers what the bell announces. `trouble` says why it cannot; None while it can."""

    def __init__(self, url: str, db: Database, grown: asyncio.Event) -> None:
        self._url = url
        self._db = db
        self._grown = grown
        self._head = -1
        self.numbered = 0
        self.trouble: str | None = "numbering has not started yet"

    async def run(self, stop: asyncio.Event) -> None:
        """Numbers until `stop`, database or no database. Raises nothing that a database may do."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                async with await dedicated(self._url, "listener") as session:
                    await session.execute("LISTEN journal")
                    await self._number_when_rung(session, stop, backoff)
            except (psycopg.Error, OSError) as error:
                self.trouble = f"numbering: the database does not answer ({type(error).__name__})"
                log.warning("numbering_failed", error=type(error).__name__)
                await backoff.wait(stop)

    async def _number_when_rung(self, session: Session, stop: asyncio.Event, backoff: Backoff) -> None:
        rung = True
        while not stop.is_set():
            if rung or await self._anything():
                begun = monotonic()
                await self._number_all(stop)
                await breathe(stop, monotonic() - begun)
            self.trouble = None
            backoff.reset()
            rung = await self._rung(session)

    async def _rung(self, session: Session) -> bool:
        """Waits for the bell for POLL seconds. Takes all its strokes so far: one pass will do for them."""
        rung = [note async for note in session.notifies(timeout=POLL, stop_after=1)]
        if rung:
            rung += [note async for note in session.notifies(timeout=0)]
        return rung != []

    async def _anything(self) -> bool:
        """Whether there are rows to number, or positions that we do not know of. Writes nothing."""
        async with self._db.connect() as session:
            found = await (await session.execute(_ANYTHING, {"head": self._head})).fetchone()
        return found is not None

    async def _number_all(self, stop: asyncio.Event) -> None:
        rows = BATCH
        while rows == BATCH and not stop.is_set():
            rows, head = await number(self._db)
            self.numbered += rows
            if head != self._head:
                self._head = head
                self._grown.set()


_ANYTHING: LiteralString = """
SELECT FROM journal_head WHERE position <> %(head)s OR EXISTS (SELECT FROM journal_queue)
"""
