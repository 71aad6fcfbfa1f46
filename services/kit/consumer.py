"""The consumer: brings what other services tell to this service's handlers, each event with one effect.

Where it stands is kept in the service's own database, a row for each partition, and moves in the
transaction that handles a batch (`services.kit.delivery`). A position at or below the last one is a
repetition of the relay's and is skipped. Kafka's own offsets serve display alone.

Rebalances happen inside `poll`, and a batch is handled between two polls: a partition is never taken away
in the middle of a batch, and where the group has given up on us meanwhile, the place has moved and the
batch rolls back.

What fails: trouble of the database or the network is waited out, for ever. A handler's own error parks the
event's key with all that follows of it, so that neither the other keys stop nor its order breaks. What is
no event at all goes to the service's dead letters. Types that are not listed are ignored and counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import ParamSpec, TypeVar

import structlog
from kafka import OffsetAndMetadata
from kafka.errors import KafkaError, KafkaTimeoutError, LogTruncationError, OffsetOutOfRangeError

from services.kit.assignment import Assignment
from services.kit.backoff import Backoff, breathe, pause
from services.kit.db import Database
from services.kit.deadletters import Burial
from services.kit.delivery import Delivery, Displaced, Took, untimed
from services.kit.events import topic_of
from services.kit.handlers import Batch, Handler, Handlers
from services.kit.kafka import GroupConsumer, NotAcknowledged, connect_consumer, reachable
from services.kit.outages import is_outage
from services.kit.rebuilding import Rebuilds
from services.kit.settings import Settings
from services.kit.sorting import Polled, Sorted, sort
from services.kit.topics import WrongTopic, require_declared

_POLL_MS = 400
_FEW = 50  # Records that are decoded sooner than a thread is told to, and among which others may still come.
_JOIN_MS = 500
_UNSETTLED = 30.0
_OUT_OF_RANGE = 5.0
_SHOW_OFFSETS = 5.0
_LOOK_FOR_BROKER = 2.0
_CALL_TIMEOUT_MS = 10_000
_IGNORED_TYPES = 50

_P = ParamSpec("_P")
_R = TypeVar("_R")
log = structlog.get_logger()


@dataclass
class Counts:
    """What became of the records since the start; `repeated` were handled before."""

    handled: int = 0
    repeated: int = 0
    parked: int = 0
    dead: int = 0
    ignored_types: Counter[str] = field(default_factory=Counter[str])

    @property
    def ignored(self) -> int:
        """Records of all types that nobody listens to."""
        return self.ignored_types.total()

    def ignore(self, types: Counter[str]) -> None:
        """Counts what was ignored by type. Whoever writes to a topic makes up types: beyond 50 they are `other`."""
        for type_, records in types.items():
            known = type_ in self.ignored_types or len(self.ignored_types) < _IGNORED_TYPES
            self.ignored_types[type_ if known else "other"] += records


class Consumer:
    """The consumer of a service: one member of the group that has its name, for all topics it reads.

    `handlers` are found by full type (`account.updated`), else by aggregate (`account`). `took` is told how long each
    call of one took.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        db: Database,
        consumes: Collection[str],
        handlers: Mapping[str, Handler | Batch],
        *,
        took: Took = untimed,
    ) -> None:
        self.counts = Counts()
        self._name = name
        self._bootstrap_servers = settings.kafka_bootstrap_servers
        self._topics = [topic_of(service) for service in consumes]
        self._handlers = Handlers(handlers)
        self._rebuilds = Rebuilds(name, handlers)
        self._delivery = Delivery(name, db, settle=self._rebuilds.settle, took=took)
        self._burial = Burial(name, settings.kafka_bootstrap_servers)
        self._thread: ThreadPoolExecutor | None = None
        self._assignment = Assignment()
        self._trouble: str | None = "consuming has not started yet"
        self._broker: str | None = None
        self._looked = self._shown = self._settled = 0.0

    def ready(self) -> str | None:
        """Why it cannot do its work; None while it can, be it with no partition of its own."""
        return self._trouble or self._broker

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until `stop` is set, then finishes the batch in hand, leaves the group and returns.

        Outages of database and broker do not end it. Where a topic no longer holds what comes next, it does
        nothing any more but say so (`ready`), until a rebuild has given it another place.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{self._name}-consumer")
        try:
            await self._consume_for_ever(stop)
        except Exception as error:
            self._trouble = f"consuming ended: {type(error).__name__}"
            raise
        finally:
            await self._burial.close()
            self._thread.shutdown(wait=False)

    async def _consume_for_ever(self, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            try:
                await self._consume(stop, backoff)
            except (OffsetOutOfRangeError, LogTruncationError) as error:
                self._trouble = self._out_of_range(error)
                log.error("offset_out_of_range", consumer=self._name, reason=self._trouble)
                await pause(stop, _OUT_OF_RANGE)
            except WrongTopic as error:
                self._trouble = f"consuming: {error}"
                log.error("wrong_topic", consumer=self._name, reason=str(error))
                await backoff.wait(stop)
            except (KafkaError, OSError) as error:
                self._trouble = f"consuming: {type(error).__name__}: {error}"
                log.warning("consuming_interrupted", consumer=self._name, error=type(error).__name__)
                await backoff.wait(stop)

    def _out_of_range(self, error: Exception) -> str:
        found = str(error.args[0]) if error.args else ""
        topic = next((topic for topic in self._topics if topic in found), self._topics[0])
        producer = topic.removesuffix(".events")
        return (
            f"{topic} no longer holds what comes next for {self._name} ({found[:200]}); "
            f"run: foothold events rebuild {self._name} --from {producer}"
        )

    async def _consume(self, stop: asyncio.Event, backoff: Backoff) -> None:
        if not await reachable(self._bootstrap_servers):
            raise ConnectionError(f"no broker at {self._bootstrap_servers}")
        kafka = await self._call(
            connect_consumer, self._bootstrap_servers, group=self._name, client_id=f"{self._name}-consumer"
        )
        try:
            self._assignment = Assignment(kafka)
            # Metadata first: an assignment made without it is empty.
            for topic in self._topics:
                await self._call(kafka.partitions_for_topic, topic)
            kafka.subscribe(self._topics, listener=self._assignment)
            self._settled = monotonic()
            while not stop.is_set():
                await self._step(kafka, stop, backoff)
        finally:
            await self._call(partial(kafka.close, autocommit=False, timeout_ms=3000))

    async def _step(self, kafka: GroupConsumer, stop: asyncio.Event, backoff: Backoff) -> None:
        polled = await self._call(kafka.poll, timeout_ms=_POLL_MS if kafka.settled else _JOIN_MS)
        self._watch(kafka)
        try:
            await self._place(kafka)
            if polled:
                await self._handle(polled, stop)
                backoff.reset()
            await self._show_offsets(kafka)
        except Displaced:
            log.warning("consumer_displaced", consumer=self._name)
            self._assignment.forget()
            await pause(stop, 0.5)
        except Exception as error:
            if not isinstance(error, NotAcknowledged | KafkaError) and not is_outage(error):
                raise
            self._trouble = f"consuming: {type(error).__name__}: {error}"
            log.warning("batch_interrupted", consumer=self._name, error=type(error).__name__)
            self._assignment.forget()
            await backoff.wait(stop)

    def _watch(self, kafka: GroupConsumer) -> None:
        if kafka.settled:
            self._settled = monotonic()
        elif monotonic() - self._settled > _UNSETTLED:
            raise KafkaTimeoutError(f"the group {self._name} does not settle")

    async def _place(self, kafka: GroupConsumer) -> None:
        """Takes up each newly assigned partition where this service stands in it, or at its beginning.

        Raises WrongTopic.
        """
        wanted = self._assignment.unplaced
        if wanted:
            await self._require_declared(kafka)
            places = await self._delivery.places(wanted)
            if fresh := wanted - places.keys():
                find = partial(kafka.beginning_offsets, timeout_ms=_CALL_TIMEOUT_MS)
                await self._delivery.begin(await self._call(find, fresh))
                places |= await self._delivery.places(fresh)
            self._assignment.place(places)
        if self._assignment.joined:
            self._trouble = None
        await self._look_for_broker()

    async def _require_declared(self, kafka: GroupConsumer) -> None:
        declared = await self._delivery.topics()
        for topic in self._topics:
            if partitions := await self._call(kafka.partitions_for_topic, topic):
                require_declared(topic, len(partitions), declared)
                self._rebuilds.partitions[topic] = len(partitions)

    async def _handle(self, polled: Polled, stop: asyncio.Event) -> None:
        begun = monotonic()
        few = sum(map(len, polled.values())) < _FEW
        while polled:
            sorting = partial(sort, polled, self._assignment.places, self._handlers)
            sorted_ = sorting() if few else await self._call(sorting)
            await self._deliver(sorted_)
            polled = sorted_.rest
        if few:
            await breathe(stop, monotonic() - begun)

    async def _deliver(self, sorted_: Sorted) -> None:
        if not sorted_.slices:
            return
        await self._burial.bury(sorted_.dead)
        outcome = await self._delivery.deliver(sorted_.slices)
        self._burial.forget()
        for slice_ in sorted_.slices:
            self._assignment.places[slice_.partition] = slice_.after
        self.counts.handled += outcome.handled
        self.counts.parked += outcome.parked
        self.counts.dead += len(sorted_.dead)
        self.counts.ignore(sorted_.ignored)
        self.counts.repeated += sorted_.repeated

    async def _show_offsets(self, kafka: GroupConsumer) -> None:
        if monotonic() - self._shown < _SHOW_OFFSETS:
            return
        self._shown = monotonic()
        offsets = {
            partition: OffsetAndMetadata(place.next_offset, "", -1)
            for partition, place in self._assignment.places.items()
        }
        if offsets:
            with suppress(KafkaError):
                await self._call(kafka.commit_async, offsets)

    async def _look_for_broker(self) -> None:
        if monotonic() - self._looked > _LOOK_FOR_BROKER:
            self._looked = monotonic()
            found = await reachable(self._bootstrap_servers)
            self._broker = None if found else f"consuming: no broker at {self._bootstrap_servers}"

    async def _call(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Calls in the one thread that ever touches the client: a consumer of kafka-python knows no two."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(function, *args, **kwargs)
        )
