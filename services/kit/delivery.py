"""Delivery: one batch of events to a service's handlers, in one transaction with the consumer's place.

The transaction begins by moving the place, `WHERE next_offset = <the batch's first>`: whoever finds the row
moved is not the owner of the partition any more and rolls back.
"""

from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString, TypeAlias

import structlog
from kafka import TopicPartition

from services.kit import tracing
from services.kit.db import Database, Session, blame_at_once
from services.kit.events import ERASED, Event
from services.kit.handlers import Batch, Handler, hand, tried
from services.kit.logs import said_within
from services.kit.outages import is_outage
from services.kit.parking import Parking
from services.kit.sorting import Place, Received, Slice
from services.kit.topics import declared
from services.kit.tracing import SpanKind

Took: TypeAlias = Callable[[str, float], None]

log = structlog.get_logger()


class Displaced(Exception):
    """Another consumer has moved the place of a partition: it is not ours any more."""


Settle: TypeAlias = Callable[[Session, Sequence[Slice]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch's events."""

    handled: int
    parked: int


async def settled(_tx: Session, _slices: Sequence[Slice]) -> None:
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
        handle: Callable[[Session, Sequence[Received], Parking], Awaitable[None]],
    ) -> Outcome:
        received = [one for slice_ in slices for one in slice_.received]
        async with self._db.transaction() as tx:
            await self._move(tx, slices)
            parking = Parking(self._consumer, tx)
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

    async def _all(self, tx: Session, received: Sequence[Received], parking: Parking) -> None:
        free = [one for one in received if not parking.holds(one)]
        for one in received:
            if parking.holds(one):
                await self._set_aside(tx, one, parking)
        for handler, events in grouped(free):
            with self._watched(events):
                await hand(tx, handler, events)

    async def _each(self, tx: Session, received: Sequence[Received], parking: Parking) -> None:
        await blame_at_once(tx)
        for one in received:
            if parking.holds(one):
                await self._set_aside(tx, one, parking)
                continue
            with self._watched([one.event]):
                error = await tried(tx, one.handler, one.event)
            if error:
                await parking.park(one, error)

    async def _set_aside(self, tx: Session, one: Received, parking: Parking) -> None:
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
