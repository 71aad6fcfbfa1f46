"""Rebuilding: a consumer makes its copies anew out of what a republish tells, while they are read.

When it is asked for, before the republish begins, the copies forget their versions, so that whatever is told next
holds. Until a partition's start mark has come, what it tells is from before, and no word that counts; nor is it when it
was parked and is driven later. Once the end mark has come on every partition, what still has no version was not told
of, and is gone: the copies are swept, by telling the handlers that keep them. While a key of the topic is parked,
nobody knows what it would tell; sweeping waits.

**Why nothing that lives is swept.** A copy that was here when it forgot its version, however we had learnt of it, was
committed at its owner before the republish began, and is told of between the marks. One that we learn of later has a
version.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import structlog
from kafka import TopicPartition

from services.kit.backoff import Backoff, pause
from services.kit.clock import now
from services.kit.copies import Copy
from services.kit.db import Database, Session, execute, one
from services.kit.events import STARTED, SWEPT, Event
from services.kit.handlers import Batch, Handler
from services.kit.ids import new_id
from services.kit.outages import is_outage
from services.kit.sorting import Slice

BATCH: Final = 1_000
"""Copies that one transaction sweeps at the most."""

_EVERY = 1.0

Listed = Mapping[str, Handler | Batch]

log = structlog.get_logger()


async def ask(
    tx: Session, consumer: str, topic: str, republish: UUID, handlers: Listed, told: Collection[str]
) -> None:
    """Has the consumer rebuild what its handlers keep of the aggregates `told` of on the topic, all of the owner's.

    The republish that it takes has this id, and is yet to be asked for. Gives up an earlier rebuild of the topic that
    is not at its end. Raises psycopg.Error where a batch takes long.
    """
    copies = {name: copy for name, copy in copies_of(handlers).items() if name in told}
    given = {"consumer": consumer, "topic": topic, "republish": republish, "aggregates": list(copies)}
    # Nobody is in the middle of a batch then, nor of a parked key: each holds this lock together with the others.
    await execute(tx, _ALONE, given)
    await execute(tx, _SUPERSEDE, given)
    await execute(tx, _ASK, given)
    for copy in copies.values():
        await copy.forget_versions(tx)
    log.warning("rebuild_begins", consumer=consumer, topic=topic)


async def withdraw(tx: Session, consumer: str, topic: str, republish: UUID) -> None:
    """Takes back what was asked for, where the republish that it takes will not come.

    Copies whose versions were forgotten have one again when they are told of next.
    """
    await execute(tx, _WITHDRAW, {"consumer": consumer, "topic": topic, "republish": republish})
    log.warning("rebuild_withdrawn", consumer=consumer, topic=topic)


async def swept(session: Session, consumer: str, topic: str, republish: UUID) -> int | None:
    """How many copies the rebuild has swept; None as long as it is not at its end."""
    row = await one(session, _SWEPT, {"consumer": consumer, "topic": topic, "republish": republish})
    return row[0] if row else None


async def find_places(
    tx: Session, consumer: str, offsets: Mapping[TopicPartition, tuple[int, int]]
) -> list[TopicPartition]:
    """Lets the consumer go on at the beginning where a partition no longer holds what comes next for it.

    `offsets` are where partitions begin and end; gives those in which it had lost its place.
    """
    lost = await tx.execute(
        _FIND_PLACES,
        {
            "consumer": consumer,
            "topics": [partition.topic for partition in offsets],
            "partitions": [partition.partition for partition in offsets],
            "begins": [begin for begin, _ in offsets.values()],
            "ends": [end for _, end in offsets.values()],
        },
    )
    return [TopicPartition(row[0], row[1]) async for row in lost]


async def start_position(tx: Session, consumer: str, topic: str) -> int:
    """Where the republish begins by which the consumer makes its copies of the topic anew: nothing from before counts.

    0 while it makes none anew, and above all positions until the start mark has come. No rebuild begins before the
    transaction ends.
    """
    given = {"consumer": consumer, "topic": topic}
    await execute(tx, _TOGETHER, given)
    row = await one(tx, _START_POSITION, given)
    assert row is not None
    return row[0]


class Rebuilds:
    """What a consumer does about rebuilds in the transaction of each batch.

    `partitions` is how many the topics have; the consumer finds out.
    """

    def __init__(self, consumer: str, handlers: Listed) -> None:
        self._consumer = consumer
        self._copies = copies_of(handlers)
        self.partitions: dict[str, int] = {}

    async def settle(self, tx: Session, slices: Sequence[Slice]) -> None:
        """Lets nothing count that a partition tells before its start mark; notes the marks at the ends of slices."""
        for topic, started in await self._under_way(tx):
            early = [s for s in slices if s.partition.topic == topic and s.partition.partition not in started]
            await self._forget(tx, early)
        for slice_ in slices:
            if slice_.mark is not None:
                await self._meet(tx, slice_.partition, slice_.mark)

    async def _under_way(self, tx: Session) -> list[tuple[str, Sequence[int]]]:
        """The topics of which copies are being made anew, each with the partitions where that has started."""
        found = await execute(tx, _UNDER_WAY, {"consumer": self._consumer})
        return [(row[0], row[1]) for row in await found.fetchall()]

    async def _forget(self, tx: Session, slices: Sequence[Slice]) -> None:
        events = [one.event for slice_ in slices for one in slice_.received]
        for name, copy in self._copies.items():
            if ids := {event.subject_id for event in events if event.aggregate == name}:
                await copy.forget_versions(tx, sorted(ids))

    async def _meet(self, tx: Session, partition: TopicPartition, mark: Event) -> None:
        given: dict[str, Any] = {
            "consumer": self._consumer,
            "topic": partition.topic,
            "republish": mark.subject_id,
            "partition": partition.partition,
            "partitions": self.partitions[partition.topic],
            "position": mark.position,
        }
        await tx.execute(_START if mark.type == STARTED else _END, given)


def copies_of(handlers: Listed) -> dict[str, Copy]:
    """The copies that handlers keep, by the aggregate that they are of."""
    return {
        name: handler.copy
        for name, handler in handlers.items()
        if isinstance(handler, Batch) and handler.copy
    }


class Sweeping:
    """Sweeps the copies of rebuilds whose end marks have all come. Any number of workers may."""

    def __init__(self, consumer: str, db: Database, handlers: Listed) -> None:
        self._consumer = consumer
        self._db = db
        self._handlers = handlers
        self._copies = copies_of(handlers)
        self._trouble: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Looks every second until `stop`. What fails is tried again, for ever."""
        backoff = Backoff(first=1, most=60)
        while not stop.is_set():
            try:
                while not stop.is_set() and await self.sweep():
                    pass
            except Exception as error:
                if not is_outage(error):
                    self._trouble = f"sweeping copies after a rebuild: {type(error).__name__}"
                    log.exception("sweeping_failed", consumer=self._consumer)
                await backoff.wait(stop)
                continue
            self._trouble = None
            backoff.reset()
            await pause(stop, _EVERY)

    def ready(self) -> str | None:
        """Why a rebuild does not come to its end; None while nothing is in its way."""
        return self._trouble

    async def sweep(self) -> bool:
        """Sweeps a batch of one rebuild, in a transaction; False when there is nothing to sweep."""
        async with self._db.transaction() as tx:
            row = await one(tx, _ENDED, {"consumer": self._consumer})
            if row is None:
                return False
            topic, republish, aggregates = row
            gone = await self._sweep_some(tx, topic, aggregates)
            given = {"consumer": self._consumer, "topic": topic, "republish": republish, "gone": gone}
            await tx.execute(_COUNT if gone else _DONE, given)
        if not gone:
            log.warning("rebuild_ends", consumer=self._consumer, topic=topic)
        return True

    async def _sweep_some(self, tx: Session, topic: str, aggregates: Sequence[str]) -> int:
        """Tells the handler of the first aggregate that has any of copies that are gone, and gives how many."""
        for name in aggregates:
            if untold := await self._copies[name].untold(tx, BATCH):
                handler = self._handlers[name]
                assert isinstance(handler, Batch)
                some = [str(id) for id, _ in untold[:10]]
                log.warning("copies_swept", topic=topic, aggregate=name, copies=len(untold), some=some)
                await handler.handle(tx, [_gone(topic, name, id, state) for id, state in untold])
                return len(untold)
        return 0


def _gone(topic: str, aggregate: str, id: UUID, state: Mapping[str, Any]) -> Event:
    return Event(
        id=str(new_id()),
        source=topic.removesuffix(".events"),
        type=f"{aggregate}.{SWEPT}",
        schema_version=1,
        aggregate=aggregate,
        subject_id=id,
        version=0,
        position=0,
        time=now(),
        actor="",
        imported=False,
        data=dict(state),
        changed=None,
        key=str(id),
    )


_FIND_PLACES: LiteralString = """
UPDATE consumer_position p SET next_offset = o.begins
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(begins)s::bigint[], %(ends)s::bigint[])
  AS o(topic, partition, begins, ends)
WHERE p.consumer = %(consumer)s AND p.topic = o.topic AND p.partition = o.partition
  AND p.next_offset NOT BETWEEN o.begins AND o.ends
RETURNING p.topic, p.partition"""
_ASK: LiteralString = """
INSERT INTO rebuild (consumer, topic, republish_id, aggregates)
VALUES (%(consumer)s, %(topic)s, %(republish)s, %(aggregates)s)"""
_SWEPT: LiteralString = """
SELECT swept FROM rebuild
WHERE consumer = %(consumer)s::text AND topic = %(topic)s::text AND republish_id = %(republish)s::uuid
  AND swept_at IS NOT NULL"""
_ALONE: LiteralString = "SELECT pg_advisory_xact_lock(7108, hashtext(%(consumer)s::text))"
_TOGETHER: LiteralString = "SELECT pg_advisory_xact_lock_shared(7108, hashtext(%(consumer)s::text))"
_START_POSITION: LiteralString = """
SELECT coalesce(max(coalesce(start_position, 9223372036854775807)), 0) FROM rebuild
WHERE consumer = %(consumer)s::text AND topic = %(topic)s::text AND swept_at IS NULL"""
_SUPERSEDE: LiteralString = """
DELETE FROM rebuild WHERE consumer = %(consumer)s AND topic = %(topic)s AND swept_at IS NULL"""
_WITHDRAW: LiteralString = """
DELETE FROM rebuild
WHERE consumer = %(consumer)s AND topic = %(topic)s AND republish_id = %(republish)s AND swept_at IS NULL"""
# How many partitions there are is known with the first start mark.
_UNDER_WAY: LiteralString = """
SELECT topic, started FROM rebuild
WHERE consumer = %(consumer)s::text AND (partitions = 0 OR cardinality(started) < partitions)"""
_START: LiteralString = """
UPDATE rebuild SET started = array_append(started, %(partition)s), partitions = %(partitions)s,
  start_position = %(position)s
WHERE consumer = %(consumer)s AND topic = %(topic)s AND republish_id = %(republish)s
  AND swept_at IS NULL AND %(partition)s <> ALL (started)"""
_END: LiteralString = """
UPDATE rebuild SET ended = array_append(ended, %(partition)s)
WHERE consumer = %(consumer)s AND topic = %(topic)s AND republish_id = %(republish)s
  AND swept_at IS NULL AND %(partition)s <> ALL (ended)"""
_ENDED: LiteralString = """
SELECT topic, republish_id, aggregates FROM rebuild r
WHERE consumer = %(consumer)s::text AND swept_at IS NULL AND partitions > 0 AND cardinality(ended) >= partitions
  AND NOT EXISTS (SELECT FROM parked_key k WHERE k.consumer = r.consumer AND k.topic = r.topic)
LIMIT 1 FOR UPDATE SKIP LOCKED"""
_COUNT: LiteralString = """
UPDATE rebuild SET swept = swept + %(gone)s
WHERE consumer = %(consumer)s AND topic = %(topic)s AND republish_id = %(republish)s"""
_DONE: LiteralString = """
UPDATE rebuild SET swept_at = now()
WHERE consumer = %(consumer)s AND topic = %(topic)s AND republish_id = %(republish)s"""
