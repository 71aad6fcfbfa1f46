"""Publishing: tells Kafka of the journal, in the order of its positions.

One relay of a service publishes at a time: the one whose session holds an advisory lock. It reads by
position, sends a round, waits until all of it is acknowledged, and only then moves the cursor. Whatever
goes wrong, somebody starts again from the cursor: records may come twice, and consumers drop by position
what they have.

**Why nothing is lost or overtakes, even when a relay is paused, loses its lock or abandons its producer.**
A round starts at a cursor, everything up to which has been acknowledged, and is a run of positions without
a hole; its share of a partition travels as one batch (`RoundProducer`), which the log takes as a whole or
not at all, and the sender sends nothing more before the acknowledgement. So whenever a batch is appended,
early or hours late and by whomever, everything that comes before it on that partition is already there:
first appearances are in position order. A late batch of a relay that is no longer in charge repeats old
positions or comes upon the next ones, never upon later ones. This holds without fencing, and so needs no
transactional producer and none of its round trips.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic, time_ns
from typing import Final, LiteralString

import orjson
import psycopg
import structlog
from kafka.errors import KafkaError
from psycopg.types.json import set_json_loads

from services.kit import epochs, tracing
from services.kit.backoff import Backoff, breathe, pause
from services.kit.db import Session
from services.kit.envelope import Encoder, JournalRow, UnknownType
from services.kit.kafka import ROUND_BYTES, NotAcknowledged, Record, RoundProducer, reachable
from services.kit.numbering import POLL, dedicated
from services.kit.topics import WrongTopic, declared

ROUND: Final = 1_000
"""Rows that one round takes at the most."""

PATIENCE: Final = 30.0
"""Seconds without acknowledgement after which a producer is abandoned."""

GIVE_WAY: Final = 4
"""Times as long as a round took, a second at the most, for which the next waits while other work is to be done."""

_LOCK: Final = (7103, 1)  # Advisory lock, two-key space: the publisher of this database.
_STANDBY = 1.0
_STOPPING = 5.0
_LOOK_FOR_BROKER = 2.0

_KAFKA: Final = {"messaging.system": "kafka", "messaging.operation.type": "send"}

log = structlog.get_logger()


class _CursorMoved(Exception):
    """Another relay moved the cursor: this one is no longer in charge."""


class _RowMissing(Exception):
    """A position has no journal row; its text says which."""


class Publisher:
    """Publishes while it holds the lock, and stands by while another does. `trouble`: why it can neither."""

    def __init__(
        self,
        url: str,
        bootstrap_servers: str,
        encoder: Encoder,
        grown: asyncio.Event,
        *,
        patience: float = PATIENCE,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._url = url
        self._busy = busy
        self._bootstrap_servers = bootstrap_servers
        self._encoder = encoder
        self._grown = grown
        self._patience = patience
        self._producer: RoundProducer | None = None
        self._declared: Mapping[str, int] = {}
        self._looked = 0.0
        self.published = 0
        self.leads = False
        self.trouble: str | None = "publishing has not started yet"

    async def run(self, stop: asyncio.Event) -> None:
        """Publishes until `stop`, finishing the round on its way. Raises nothing that database or broker
        may do."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                async with await dedicated(self._url, "publisher", *PUBLISHER_OPTIONS) as session:
                    set_json_loads(orjson.loads, session)
                    await self._serve(session, stop, backoff)
            except UnknownType as error:
                self.trouble = (
                    f"the journal holds events of type {error}, which this program does not know: update it"
                )
            except (_CursorMoved, _RowMissing) as error:
                self.trouble = str(error)
            except (psycopg.Error, OSError) as error:
                self.trouble = f"publishing: the database does not answer ({type(error).__name__})"
            finally:
                # The session is closed, and the lock with it: another relay may have better luck.
                self.leads = False
                await self._drop_producer()
            if not stop.is_set():
                log.warning("publishing_interrupted", reason=self.trouble)
                await backoff.wait(stop)

    async def _serve(self, session: Session, stop: asyncio.Event, backoff: Backoff) -> None:
        while not stop.is_set() and not await take_lock(session):
            await self._look_for_broker()
            await pause(stop, _STANDBY)
        if not stop.is_set():
            self._declared = await declared(session)
            self.leads = True
            log.info("relay_leads", topic=self._encoder.topic)
            await self._publish(session, stop, backoff)

    async def _publish(self, session: Session, stop: asyncio.Event, backoff: Backoff) -> None:
        cursor = await self._cursor(session)
        while not stop.is_set():
            begun = monotonic()
            self._grown.clear()
            rows = await _read(session, cursor)
            if rows:
                cursor = await self._tell(session, cursor, rows, stop, backoff)
            if len(rows) < ROUND and (not rows or rows[-1].position == cursor):
                await breathe(stop, monotonic() - begun)
                await self._idle()

    async def _tell(
        self, session: Session, cursor: int, rows: Sequence[JournalRow], stop: asyncio.Event, backoff: Backoff
    ) -> int:
        """Sends a round of the rows and gives the cursor after it: the same where it was not acknowledged."""
        begun, since = monotonic(), time_ns()
        records, upto = self._round(rows)
        if not await self._sent(records, stop):
            await backoff.wait(stop)
            return cursor
        self.trouble = None
        backoff.reset()
        await _move(session, cursor, upto)
        self.published += len(records)
        if tracing.on():
            told = (row.traceparent for row in rows if row.position <= upto)
            tracing.past(f"publish {self._encoder.topic}", since, told, _KAFKA)
        if self._busy():
            await pause(stop, min(GIVE_WAY * (monotonic() - begun), 1.0))
        return upto

    def _round(self, rows: Sequence[JournalRow]) -> tuple[list[Record], int]:
        """As many records from the front as one round holds, and the position up to which they reach.

        A row that cannot be encoded ends the round before it; where it is the first, raises UnknownType.
        """
        records: list[Record] = []
        size, upto = 0, rows[0].position - 1
        for row in rows:
            try:
                record = self._encoder.encode(row)
            except UnknownType:
                if upto < rows[0].position:
                    raise
                break
            size += record.size if record else 0
            if size > ROUND_BYTES and records:
                break
            upto = row.position
            if record:
                records.append(record)
        return records, upto

    async def _sent(self, records: Sequence[Record], stop: asyncio.Event) -> bool:
        """Whether the round is acknowledged; if not, the producer is gone and `trouble` says why."""
        if not records:
            return True
        try:
            producer = await self._connected()
            await self._acknowledged(producer, records, stop)
        except (KafkaError, NotAcknowledged, WrongTopic, OSError) as error:
            self.trouble = f"publishing: {error}"
            log.warning("round_not_acknowledged", error=str(error), records=len(records))
            await self._drop_producer()
            return False
        return True

    async def _connected(self) -> RoundProducer:
        if self._producer is None:
            if not await reachable(self._bootstrap_servers):
                raise NotAcknowledged(f"no broker at {self._bootstrap_servers}")
            connect = partial(
                RoundProducer,
                self._bootstrap_servers,
                client_id=f"{self._encoder.topic}-relay",
                declared=self._declared,
            )
            self._producer = await asyncio.to_thread(connect)
        return self._producer

    async def _acknowledged(
        self, producer: RoundProducer, records: Sequence[Record], stop: asyncio.Event
    ) -> None:
        sending = asyncio.ensure_future(asyncio.to_thread(producer.send, records, timeout=self._patience))
        sending.add_done_callback(_seen)
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait(
                {sending, stopping}, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
            )
            if not sending.done() and stop.is_set():
                await asyncio.wait({sending}, timeout=min(_STOPPING, self._patience))
        finally:
            stopping.cancel()
        if not sending.done():
            raise NotAcknowledged(f"no acknowledgement within {self._patience:g} s")
        sending.result()

    async def _drop_producer(self) -> None:
        """Abandons it: what it still holds is sent again from the cursor, by whoever is in charge."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.to_thread(producer.abandon)

    async def _idle(self) -> None:
        if self.trouble is not None or monotonic() - self._looked > _LOOK_FOR_BROKER:
            await self._look_for_broker()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._grown.wait()

    async def _look_for_broker(self) -> None:
        self._looked = monotonic()
        found = await reachable(self._bootstrap_servers)
        self.trouble = None if found else f"publishing: no broker at {self._bootstrap_servers}"

    async def _cursor(self, session: Session) -> int:
        found = await (await session.execute("SELECT published FROM journal_cursor")).fetchone()
        if found is None:
            raise LookupError("journal_cursor has no row")
        return found[0]


async def take_lock(session: Session) -> bool:
    """Whether the session is now the one that publishes, until it ends; False where another is."""
    found = await (await session.execute("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)).fetchone()
    return found is not None and bool(found[0])


def _seen(sending: "asyncio.Future[None]") -> None:
    """Its error is known already when nobody waits for it any more."""
    if not sending.cancelled():
        sending.exception()


async def _read(session: Session, cursor: int) -> list[JournalRow]:
    """The next rows after the cursor. Raises _RowMissing rather than leave one out."""
    found = await (await session.execute(READ, {"cursor": cursor, "limit": ROUND})).fetchall()
    rows = [JournalRow(*row) for row in found]
    last = cursor
    for row in rows:
        if row.position != last + 1 and not await epochs.joins(session, last, row.position):
            raise _RowMissing(f"publishing: the journal has no row at position {last + 1}")
        last = row.position
    return rows


# Row by row, whatever the statistics say: to a planner who thinks the journal empty, reading all of it for each
# position is as good.
READ: LiteralString = """
SELECT o.position, j.recorded_at, j.event_id, j.type, j.aggregate, j.aggregate_id, j.version, j.partition_key,
       j.actor, j.request_id, j.traceparent, j.imported, j.changed, j.state
FROM (
  SELECT position, journal_id, recorded_at FROM journal_order
  WHERE position > %(cursor)s ORDER BY position LIMIT %(limit)s
) o
CROSS JOIN LATERAL (
  SELECT * FROM journal WHERE recorded_at = o.recorded_at AND id = o.journal_id LIMIT 1
) j
ORDER BY o.position
"""


async def _move(session: Session, old: int, new: int) -> None:
    moved = await session.execute(
        "UPDATE journal_cursor SET published = %s, published_at = now() WHERE published = %s", (new, old)
    )
    if moved.rowcount != 1:
        raise _CursorMoved("publishing: another relay has moved the cursor")


# A lost move of the cursor costs a repetition, so it need not wait for the disk. The next rows are found one by one by
# their positions, whatever the statistics say in the middle of an import, so the plan is made once.
PUBLISHER_OPTIONS = (
    "synchronous_commit=off",
    "plan_cache_mode=force_generic_plan",
    "max_parallel_workers_per_gather=0",
    "enable_seqscan=off",
    "enable_sort=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
)
