"""The figures of a worker: how far its relay and consumer are behind, what became of the records, what is set aside.

A scrape costs the database three statements. It never waits for the broker: where topics end is asked for in a thread,
every ten seconds at the most, and until it is told again what was told last is shown beside its age.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

import psycopg
from kafka import TopicPartition
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import Metric

from services.kit.consumer import Consumer
from services.kit.db import Database
from services.kit.delivery import Took
from services.kit.descriptor import Part
from services.kit.events import dead_letter_topic_of
from services.kit.figures import Figures, figures
from services.kit.kafka import end_offsets, reachable
from services.kit.metrics import PATIENCE, counter, database_up, gauge
from services.kit.relay import Relay

EVERY: Final = 10.0
"""Seconds for which it is good to know where the topics ended."""

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def timer(service: str, registry: CollectorRegistry) -> Took:
    """Whom a consumer tells how long its handlers took."""
    text = "One call of a handler, for one event or a batch of them."
    histogram = Histogram(
        "foothold_handler_seconds", text, ("service", "aggregate"), buckets=_BUCKETS, registry=registry
    )

    def took(aggregate: str, seconds: float) -> None:
        histogram.labels(service, aggregate).observe(seconds)

    return took


class Ends:
    """Where topics end, as the broker said last. Nobody waits for it. Tests `ask` by other means, and more often."""

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Iterable[str],
        *,
        ask: Callable[[str, Sequence[str]], Mapping[TopicPartition, int]] = end_offsets,
        every: float = EVERY,
    ) -> None:
        self._ask_broker = ask
        self._bootstrap_servers = bootstrap_servers
        self._topics = tuple(topics)
        self._asking: asyncio.Task[None] | None = None
        self._every = every
        self._asked = self._told = -every
        self.offsets: Mapping[TopicPartition, int] = {}

    @property
    def age(self) -> float | None:
        """Seconds since the broker said so; None where it never did."""
        return monotonic() - self._told if self.offsets else None

    def refresh(self) -> None:
        """Asks anew in the background, unless that was done lately or is being done."""
        if monotonic() - self._asked >= self._every and (self._asking is None or self._asking.done()):
            self._asked = monotonic()
            self._asking = asyncio.create_task(self._ask(), name="ends")

    def close(self) -> None:
        """Waits for no answer any more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        with suppress(KafkaError, OSError):
            if await reachable(self._bootstrap_servers):
                self.offsets = await asyncio.to_thread(
                    self._ask_broker, self._bootstrap_servers, self._topics
                )
                self._told = monotonic()


class WorkerFigures:
    """What a worker of `service` shows: of its `parts`, its database, and of topics by where they end."""

    def __init__(self, service: str, db: Database, parts: Sequence[Part], ends: Ends) -> None:
        self._service = service
        self._db = db
        self._parts = parts
        self._ends = ends

    async def read(self) -> list[Metric]:
        """All of it. What is not known is left out; where the database does not answer, `foothold_database_up` is 0."""
        self._ends.refresh()
        held = await self._held()
        told = [database_up(self._service, up=held is not None), *self._of_parts(), *self._of_topics()]
        return told if held is None else [*told, *self._of_database(held)]

    async def _held(self) -> Figures | None:
        try:
            async with asyncio.timeout(PATIENCE), self._db.connect() as session:
                return await figures(session, self._service)
        except (psycopg.Error, TimeoutError):
            return None

    def _of_database(self, held: Figures) -> Iterable[Metric]:
        of, behind, jobs = self._service, held.backlog, held.jobs
        yield gauge("journal_unnumbered_rows", "Journal rows without a position yet.", of, behind.unnumbered)
        yield gauge("journal_unpublished_rows", "Positions yet to be published.", of, behind.unpublished)
        yield gauge("journal_oldest_seconds", "Age of the oldest of both.", of, behind.oldest_seconds)
        yield gauge("parked_keys", "Keys set aside because a handler failed.", of, held.parked_keys)
        yield gauge("parked_records", "Records that wait behind them.", of, held.parked_records)
        yield gauge("discarded_records", "Records that people gave up.", of, held.discarded)
        states = {("queued",): jobs.queued, ("running",): jobs.running, ("failed",): jobs.failed}
        yield gauge("jobs", "Jobs by state.", of, states, ("state",))
        yield gauge("rebuilds", "Rebuilds of copies that are not at their end.", of, held.rebuilds)
        yield gauge(
            "rebuild_oldest_seconds", "Since when the oldest was asked for.", of, held.rebuild_seconds
        )
        lag = {(at.topic, str(at.partition)): records for at, records in held.lag(self._ends.offsets).items()}
        yield gauge("consumer_lag_records", "Records yet to consume.", of, lag, ("topic", "partition"))

    def _of_topics(self) -> Iterable[Metric]:
        age = self._ends.age
        if age is not None:
            letters = sum(
                end
                for place, end in self._ends.offsets.items()
                if place.topic == dead_letter_topic_of(self._service)
            )
            yield gauge("topic_ends_age_seconds", "How old lag and dead letters are.", self._service, age)
            yield gauge("dead_letter_records", "Dead letters ever on the topic.", self._service, letters)

    def _of_parts(self) -> Iterable[Metric]:
        trouble = {(type(part).__name__.lower(),): float(part.ready() is not None) for part in self._parts}
        yield gauge("part_trouble", "Whether a part cannot do its work.", self._service, trouble, ("part",))
        for part in self._parts:
            if isinstance(part, Relay):
                yield from self._of_relay(part)
            if isinstance(part, Consumer):
                yield from self._of_consumer(part)

    def _of_relay(self, relay: Relay) -> Iterable[Metric]:
        of = self._service
        yield gauge("relay_leads", "Whether this process publishes.", of, relay.publisher.leads)
        yield counter("journal_numbered", "Rows numbered.", of, relay.numbered)
        yield counter("journal_published", "Records published.", of, relay.published)

    def _of_consumer(self, consumer: Consumer) -> Iterable[Metric]:
        of, counts = self._service, consumer.counts
        yield counter("consumer_handled", "Records handled.", of, counts.handled)
        yield counter("consumer_repeated", "Records that had been handled before.", of, counts.repeated)
        yield counter("consumer_parked", "Records set aside.", of, counts.parked)
        yield counter("consumer_dead_letters", "Records that were no events.", of, counts.dead)
        ignored = {(type_,): float(records) for type_, records in counts.ignored_types.items()}
        yield counter("consumer_ignored", "Records of types not listed.", of, ignored, ("type",))
