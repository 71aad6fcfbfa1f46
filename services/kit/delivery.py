"""Delivery: one batch of events to a service's handlers, in one transaction with the consumer's place.

The transaction begins by moving the place, `WHERE next_offset = <the batch's first>`: whoever finds the row
moved is not the owner of the partition any more and rolls back.
"""

from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString, TypeAlias

import psycopg
import structlog
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from psycopg.types.json import Jsonb

from services.kit import tracing
from services.kit.copies import Copy
from services.kit.db import Database, Session
from services.kit.events import ERASED, Event, type_of
from services.kit.logs import said_within
from services.kit.topics import declared
from services.kit.tracing import SpanKind

Handler: TypeAlias = Callable[[Session, Event], Awaitable[None]]
BatchHandler: TypeAlias = Callable[[Session, Sequence[Event]], Awaitable[None]]
Took: TypeAlias = Callable[[str, float], None]

_KNOWN_TYPES = 1_000  # Whoever writes to a topic makes up types without end.

log = structlog.get_logger()


@dataclass(frozen=True)
class Batch:
    """Marks a handler that takes events by the list, so as to fold them in a few statements.

    The list may hold several events of one subject. Those of one key are in order. `copy` is what it folds into.
    """

    handle: BatchHandler
    copy: Copy | None = None


class Handlers:
    """A service's handlers, each by the full type of an event (`account.updated`), else by its aggregate.

    Later versions of a type are found by their full name alone (`account.updated.v2`).
    """

    def __init__(self, listed: Mapping[str, Handler | Batch]) -> None:
        self._listed = listed
        self._found: dict[str, Handler | Batch | None] = {}

    def find(self, wire_type: str) -> Handler | Batch | None:
        """The handler of a `ce_type`, or None for one that is not listed. Raises Undecodable for no type."""
        if wire_type in self._found:
            return self._found[wire_type]
        aggregate, fact, version = type_of(wire_type)
        names = (f"{aggregate}.{fact}", aggregate) if version == 1 else (wire_type,)
        found = next((self._listed[name] for name in names if name in self._listed), None)
        if len(self._found) < _KNOWN_TYPES:
            self._found[wire_type] = found
        return found


class Displaced(Exception):
    """Another consumer has moved the place of a partition: it is not ours any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a consumer stands in a partition: the offset that comes next, the last position handled."""

    next_offset: int
    last_position: int


@dataclass(frozen=True, slots=True)
class Received:
    """An event, the record it came in, and who handles it."""

    event: Event
    record: ConsumerRecord
    handler: Handler | Batch


@dataclass(frozen=True, slots=True)
class Slice:
    """What a batch holds of one partition, from one place to the next; where it ends with one, a republish's mark."""

    partition: TopicPartition
    before: Place
    after: Place
    received: tuple[Received, ...]
    mark: Event | None = None


Settle: TypeAlias = Callable[[Session, Sequence[Slice]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch's events."""

    handled: int
    parked: int


async def settled(_tx: Session, _slices: "Sequence[Slice]") -> None:
    """For whom the marks of a republish mean nothing."""


def untimed(_aggregate: str, _seconds: float) -> None:
    """For whom nobody measures."""


class Delivery:
    """Delivers batches for one consumer. Every method may raise what `is_outage` knows; then nothing
    changed.

    `settle` is called when a batch was handled, in its transaction. `took` is told the aggregate and the seconds of
    each call of a handler, be it for one event or for many.
    """

    def __init__(
        self, consumer: str, db: Database, *, settle: Settle = settled, took: Took = untimed
    ) -> None:
        self._consumer = consumer
        self._db = db
        self._settle = settle
        self._took = took

    async def places(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Place]:
        """Where the consumer stands in those partitions in which it has begun."""
        async with self._db.connect() as session:
            found = await session.execute(_PLACES, {"consumer": self._consumer})
            places = {TopicPartition(row[0], row[1]): Place(row[2], row[3]) async for row in found}
        return {partition: places[partition] for partition in partitions if partition in places}

    async def topics(self) -> dict[str, int]:
        """How many partitions each topic is declared to have."""
        async with self._db.connect() as session:
            return await declared(session)

    async def begin(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Makes a place at each partition's offset, unless there is one."""
        async with self._db.transaction() as tx:
            for (topic, partition), offset in sorted(offsets.items()):
                await tx.execute(
                    _BEGIN,
                    {"consumer": self._consumer, "topic": topic, "partition": partition, "offset": offset},
                )

    async def deliver(self, slices: Sequence[Slice]) -> Outcome:
        """Handles the events, each with one effect, and moves the places.

        A handler's own error parks the event's key. Raises Displaced.
        """
        try:
            return await self._in_transaction(slices, self._all)
        except Exception as error:
            if isinstance(error, Displaced) or is_outage(error):
                raise
            log.warning("batch_failed", consumer=self._consumer, error=type(error).__name__)
        return await self._in_transaction(slices, self._each)

    async def _in_transaction(
        self,
        slices: Sequence[Slice],
        handle: Callable[[Session, Sequence[Received], "_Parking"], Awaitable[None]],
    ) -> Outcome:
        received = [one for slice_ in slices for one in slice_.received]
        async with self._db.transaction() as tx:
            await self._move(tx, slices)
            parking = _Parking(self._consumer, tx)
            await parking.look_up(received)
            await handle(tx, received, parking)
            await parking.forget([one for one in received if one.event.fact == ERASED])
            await self._settle(tx, slices)
        return Outcome(len(received) - parking.parked, parking.parked)

    async def _move(self, tx: Session, slices: Sequence[Slice]) -> None:
        moved = await tx.execute(
            _MOVE,
            {
                "consumer": self._consumer,
                "topics": [slice_.partition.topic for slice_ in slices],
                "partitions": [slice_.partition.partition for slice_ in slices],
                "before": [slice_.before.next_offset for slice_ in slices],
                "after": [slice_.after.next_offset for slice_ in slices],
                "positions": [slice_.after.last_position for slice_ in slices],
            },
        )
        if moved.rowcount != len(slices):
            raise Displaced

    async def _all(self, tx: Session, received: Sequence[Received], parking: "_Parking") -> None:
        free = [one for one in received if not parking.holds(one)]
        for one in received:
            if parking.holds(one):
                await self._set_aside(tx, one, parking)
        for handler, events in grouped(free):
            with self._watched(events):
                await _handle(tx, handler, events)

    async def _each(self, tx: Session, received: Sequence[Received], parking: "_Parking") -> None:
        await blame_at_once(tx)
        for one in received:
            if parking.holds(one):
                await self._set_aside(tx, one, parking)
                continue
            with self._watched([one.event]):
                error = await tried(tx, one.handler, one.event)
            if error:
                await parking.park(one, error)

    async def _set_aside(self, tx: Session, one: Received, parking: "_Parking") -> None:
        """Keeps the record behind what is parked of its key. Who is erased does not wait for that, and is so again."""
        if one.event.fact == ERASED:
            await tried(tx, one.handler, one.event)
        await parking.follow(one)

    @contextmanager
    def _watched(self, events: Sequence[Event]) -> Generator[None]:
        begun = perf_counter()
        traced = _spanned(self._consumer, events) if tracing.on() else _UNTRACED
        try:
            with traced, said_within(_named(events)):
                yield
                log.debug("handled", consumer=self._consumer, type=events[0].type, events=len(events))
        finally:
            self._took(events[0].aggregate, perf_counter() - begun)


_UNTRACED = nullcontext()


def _named(events: Sequence[Event]) -> Mapping[str, str]:
    """What every line says that is written while these are handled: whose request they are of, if it is one's."""
    requests = {event.request_id or "" for event in events}
    traces = {(event.traceparent or "")[3:35] for event in events}
    named = {"request_id": requests, "trace_id": traces}
    return {name: one for name, found in named.items() for one in found if one and len(found) == 1}


def _spanned(consumer: str, events: Sequence[Event]) -> AbstractContextManager[object]:
    """The span of a handler's call: in the trace of what it handles if that is one, else with links to all."""
    traces = list(dict.fromkeys(event.traceparent for event in events if event.traceparent))
    of: Mapping[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": consumer,
        "messaging.batch.message_count": len(events),
    }
    name = f"process {events[0].source} {events[0].aggregate}"
    within = {"traceparent": traces[0]} if len(traces) == 1 else {}
    return tracing.span(name, SpanKind.CONSUMER, of, within=within, links=traces)


class _Parking:
    """The keys set aside, as one transaction sees and extends them. Their rows are locked until its end."""

    def __init__(self, consumer: str, tx: Session) -> None:
        self._consumer = consumer
        self._tx = tx
        self._keys: set[tuple[str, str]] = set()
        self.parked = 0

    async def look_up(self, received: Sequence[Received]) -> None:
        topics = {one.record.topic for one in received}
        keys = {one.event.key for one in received}
        found = await self._tx.execute(
            _PARKED, {"consumer": self._consumer, "topics": list(topics), "keys": list(keys)}
        )
        self._keys = {(row[0], row[1]) async for row in found}

    def holds(self, one: Received) -> bool:
        return (one.record.topic, one.event.key) in self._keys

    async def park(self, one: Received, error: Exception) -> None:
        log.error(
            "key_parked",
            consumer=self._consumer,
            topic=one.record.topic,
            partition=one.record.partition,
            offset=one.record.offset,
            type=one.event.type,
            error=type(error).__name__,
            request_id=one.event.request_id,
        )
        reason = f"{one.event.type} at offset {one.record.offset}: {type(error).__name__}: {error}"
        self._keys.add((one.record.topic, one.event.key))
        await self._tx.execute(
            _PARK,
            {
                "consumer": self._consumer,
                "topic": one.record.topic,
                "key": one.event.key,
                "partition": one.record.partition,
                "reason": reason[:2000],
            },
        )
        await self.follow(one)

    async def forget(self, erased: Sequence[Received]) -> None:
        """Lets what is parked or given up of the events' subjects say what the events say, which is nothing."""
        if not erased:
            return
        meant = {
            "consumer": self._consumer,
            "topics": [one.record.topic for one in erased],
            "keys": [one.event.key for one in erased],
            "subjects": [(dict(one.record.headers).get("ce_subject") or b"").decode() for one in erased],
            "values": [one.record.value for one in erased],
        }
        for statement in (_FORGET_PARKED, _FORGET_DISCARDED, _FORGET_REASON):
            await self._tx.execute(statement, meant)

    async def follow(self, one: Received) -> None:
        self.parked += 1
        await self._tx.execute(
            _FOLLOW,
            {
                "consumer": self._consumer,
                "topic": one.record.topic,
                "partition": one.record.partition,
                "offset": one.record.offset,
                "key": one.event.key,
                "headers": Jsonb([[name, (value or b"").decode()] for name, value in one.record.headers]),
                "value": one.record.value,
            },
        )


def grouped(received: Iterable[Received]) -> list[tuple[Handler | Batch, list[Event]]]:
    """The events by handler, in groups as large as they get while those of each key stay in order."""
    groups: list[tuple[Handler | Batch, list[Event]]] = []
    newest: dict[int, int] = {}  # of each handler, by identity
    reached: dict[str, int] = {}  # by each key
    for one in received:
        index = newest.get(id(one.handler), -1)
        if index < reached.get(one.event.key, 0):
            index = newest[id(one.handler)] = len(groups)
            groups.append((one.handler, []))
        groups[index][1].append(one.event)
        reached[one.event.key] = index
    return groups


async def blame_at_once(tx: Session) -> None:
    """Deferred constraints would speak up at the commit, when nobody knows any more whose fault it was."""
    await tx.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def tried(tx: Session, handler: Handler | Batch, event: Event) -> Exception | None:
    """Has the handler handle the event, all of it or nothing; gives its own error. Raises what `is_outage` knows."""
    try:
        async with tx.transaction():
            await _handle(tx, handler, [event])
    except Exception as error:
        if is_outage(error):
            raise
        return error
    return None


async def _handle(tx: Session, handler: Handler | Batch, events: Sequence[Event]) -> None:
    if isinstance(handler, Batch):
        await handler.handle(tx, events)
        return
    for event in events:
        await handler(tx, event)


def is_outage(error: BaseException) -> bool:
    """Whether the database or the network is at fault, so that waiting helps: lost connections, locks,
    timeouts.

    Limits of the program (a row too large for an index) are the handler's own.
    """
    if isinstance(error, psycopg.Error):
        state = error.sqlstate or ""
        if state.startswith("54"):
            return False
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or state in _OUTAGES
    return isinstance(error, OSError)


# Idle for too long inside a transaction, transaction too long, read-only after a failover: not operational
# errors to psycopg.
_OUTAGES = {"25P03", "25P04", "25006"}

_PLACES: LiteralString = """
SELECT topic, partition, next_offset, last_position FROM consumer_position WHERE consumer = %(consumer)s
"""
_BEGIN: LiteralString = """
INSERT INTO consumer_position (consumer, topic, partition, next_offset)
VALUES (%(consumer)s, %(topic)s, %(partition)s, %(offset)s) ON CONFLICT DO NOTHING
"""
_MOVE: LiteralString = """
UPDATE consumer_position p SET next_offset = m.after, last_position = m.position
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(before)s::bigint[], %(after)s::bigint[],
            %(positions)s::bigint[]) AS m(topic, partition, before, after, position),
     (SELECT pg_advisory_xact_lock_shared(7108, hashtext(%(consumer)s::text))) no_rebuild_begins
WHERE p.consumer = %(consumer)s AND p.topic = m.topic AND p.partition = m.partition AND p.next_offset = m.before
"""
_PARKED: LiteralString = """
SELECT topic, key FROM parked_key
WHERE consumer = %(consumer)s AND topic = ANY (%(topics)s) AND key = ANY (%(keys)s)
ORDER BY topic, key FOR UPDATE
"""
_PARK: LiteralString = """
INSERT INTO parked_key (consumer, topic, key, partition, reason)
VALUES (%(consumer)s, %(topic)s, %(key)s, %(partition)s, %(reason)s)
"""
_ERASED: LiteralString = """
FROM unnest(%(topics)s::text[], %(keys)s::text[], %(subjects)s::text[], %(values)s::bytea[])
  AS e(topic, key, subject, value)
WHERE p.consumer = %(consumer)s AND p.topic = e.topic AND p.key = e.key"""
_OF_SUBJECT: LiteralString = """
  AND p.headers @> jsonb_build_array(jsonb_build_array('ce_subject', e.subject))"""
_FORGET_PARKED: LiteralString = "UPDATE parked_record p SET value = e.value" + _ERASED + _OF_SUBJECT
_FORGET_DISCARDED: LiteralString = (
    "UPDATE parked_discarded p SET value = e.value, reason = 'told of somebody who was erased'"
    + _ERASED
    + _OF_SUBJECT
)
# A handler's error may say what it failed on.
_FORGET_REASON: LiteralString = (
    "UPDATE parked_key p SET reason = 'a handler failed; somebody of this key was erased since'" + _ERASED
)
_FOLLOW: LiteralString = """
INSERT INTO parked_record (consumer, topic, partition, record_offset, key, headers, value)
VALUES (%(consumer)s, %(topic)s, %(partition)s, %(offset)s, %(key)s, %(headers)s, %(value)s)
"""
