"""What processes show of themselves: true figures, whatever is down, and nobody is waited for."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from threading import Event

import pytest
from kafka import TopicPartition
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.kit import parked
from services.kit.consumer import Counts
from services.kit.db import Database, Session
from services.kit.events import Event as Told
from services.kit.figures import Jobs, figures
from services.kit.kafka import Record, RoundProducer
from services.kit.metrics import Metrics
from services.kit.run import create_worker
from services.kit.worker_metrics import Ends, WorkerFigures, timer
from tests.apis import serving
from tests.conftest import DatabaseUrl
from tests.gateway.standing import Standing, standing
from tests.kit.backbone import (
    PARTITIONS,
    PUBLIC,
    Backbone,
    Change,
    fold,
    journal,
    published,
    running,
    scalar,
    until,
)
from tests.kit.library import SERVICE, Library, opened, prepare

NOWHERE = "127.0.0.1:1"


class Shown:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def of(self, name: str, **labels: str) -> float | None:
        """The value of `foothold_<name>`, its samples with these labels together; None where there is none."""
        found = [
            sample.value
            for sample in self.samples
            if sample.name == f"foothold_{name}" and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def all(self, **wanted: float | None) -> bool:
        return {name: self.of(name) for name in wanted} == wanted


async def scraped(metrics: Metrics) -> Shown:
    return Shown(bytes((await metrics.answer()).body).decode())


def of_nobody(backbone: Backbone, db: Database) -> Metrics:
    """The metrics of a worker that has no part."""
    ends = Ends(backbone.bootstrap, [backbone.topic, backbone.dead_letters])
    return Metrics(WorkerFigures(backbone.consumer, db, [], ends).read)


async def fold_but_poison(tx: Session, event: Told) -> None:
    if event.data["name"] == "poison":
        raise ValueError("a handler's own error")
    await fold(tx, event)


async def test_a_worker_shows_what_became_of_every_record(backbone: Backbone, db: Database) -> None:
    service = replace(
        SERVICE,
        name=backbone.consumer,
        public=PUBLIC,
        consumes=(backbone.producer,),
        handlers={"account": fold_but_poison},
    )
    poison = Change(name="poison")
    async with db.transaction() as tx:
        await journal(
            tx, Change(), Change(), poison, replace(poison, version=2), Change(type="visit.created")
        )
    producer = RoundProducer(backbone.bootstrap, client_id="tests")
    producer.send([Record(backbone.topic, b"", b"no event", ())], timeout=10)
    producer.close()

    async with running(backbone.relay(db)):
        await published(db, 5)
    async with serving(create_worker(service, backbone.settings)) as client:

        async def consumed() -> bool:
            return await scalar(db, "SELECT sum(next_offset) FROM consumer_position") == 6

        async def settled() -> bool:
            shown = Shown((await client.get("/metrics")).text)
            return (shown.of("consumer_lag_records"), shown.of("dead_letter_records")) == (0, 1)

        await until(consumed)
        await until(settled)
        shown = Shown((await client.get("/metrics")).text)

    assert shown.all(
        database_up=1,
        journal_unnumbered_rows=0,
        journal_unpublished_rows=0,
        journal_oldest_seconds=0,
        consumer_handled_total=2,
        consumer_repeated_total=0,
        consumer_parked_total=2,
        consumer_dead_letters_total=1,
        consumer_ignored_total=1,
        parked_keys=1,
        parked_records=2,
        discarded_records=0,
        relay_leads=1,
        part_trouble=0,
    )
    assert shown.of("consumer_ignored_total", type="visit.created.v1") == 1
    assert (shown.of("handler_seconds_count", aggregate="account") or 0) > 0
    assert {labels["service"] for labels in _labels(shown)} == {backbone.consumer}


def _labels(shown: Shown) -> list[Mapping[str, str]]:
    return [sample.labels for sample in shown.samples if sample.name.startswith("foothold_")]


async def test_what_waits_is_counted_at_each_of_its_stations(backbone: Backbone, db: Database) -> None:
    metrics = of_nobody(backbone, db)
    async with db.transaction() as tx:
        await journal(tx, *(Change() for _ in range(3)))
    shown = await scraped(metrics)
    assert shown.all(journal_unnumbered_rows=3, journal_unpublished_rows=0)
    assert (shown.of("journal_oldest_seconds") or 0) > 0

    async with running(backbone.relay(db)):
        await published(db, 3)
    await scalar(db, "UPDATE journal_cursor SET published = 1 RETURNING 1")
    assert (await scraped(metrics)).all(journal_unnumbered_rows=0, journal_unpublished_rows=2)


async def test_lag_is_counted_for_a_consumer_that_does_nothing(backbone: Backbone, db: Database) -> None:
    async with db.transaction() as tx:
        await journal(tx, *(Change() for _ in range(30)))
        await tx.execute(
            "INSERT INTO consumer_position (consumer, topic, partition, next_offset)"
            " SELECT %s, %s, generate_series(0, %s), 2",
            (backbone.consumer, backbone.topic, PARTITIONS - 1),
        )
    async with running(backbone.relay(db)):
        await published(db, 30)
    metrics = of_nobody(backbone, db)

    async def told() -> bool:
        return (await scraped(metrics)).of("topic_ends_age_seconds") is not None

    await until(told)
    shown = await scraped(metrics)
    assert shown.of("consumer_lag_records") == 30 - 2 * PARTITIONS
    assert shown.of("consumer_lag_records", topic=backbone.topic, partition="0") is not None


async def test_what_people_gave_up_and_what_jobs_failed_is_counted(backbone: Backbone, db: Database) -> None:
    poison = Change(name="poison")
    async with db.transaction() as tx:
        await journal(tx, poison, replace(poison, version=2))
        await tx.execute(
            "INSERT INTO job (id, kind, lane, state, argument, created_by)"
            " SELECT uuidv7(), 'k', s, s, '{}', 'sub:tests' FROM unnest(ARRAY['QUEUED', 'FAILED', 'DONE']) s"
        )
    consumer = backbone.reader(db, {"account": fold_but_poison})

    async def parked_both() -> bool:
        return consumer.counts.parked == 2

    async with running(backbone.relay(db), consumer):
        await until(parked_both)
    (key,) = await parked.parked(db)
    await parked.discard(db, {"account": fold_but_poison}, key.id, why="a test", by="tests")
    async with db.connect() as session:
        held = await figures(session, backbone.consumer)
    assert (held.parked_keys, held.parked_records, held.discarded) == (1, 1, 1)
    assert held.jobs == Jobs(queued=1, running=0, failed=1)
    shown = await scraped(of_nobody(backbone, db))
    assert shown.all(parked_keys=1, parked_records=1, discarded_records=1)
    assert [shown.of("jobs", state=state) for state in ("queued", "running", "failed")] == [1, 0, 1]


async def test_a_rebuild_that_does_not_come_to_its_end_is_told_with_its_age(
    backbone: Backbone, db: Database
) -> None:
    assert (await scraped(of_nobody(backbone, db))).all(rebuilds=0, rebuild_oldest_seconds=0)
    async with db.connect() as session:
        await session.execute(
            """INSERT INTO rebuild (consumer, topic, republish_id, aggregates, asked_at, swept_at)
            SELECT 'reader', 'made.events', uuidv7(), '{}', now() - age, swept
            FROM (VALUES (interval '1 hour', NULL), ('2 hours', NULL), ('3 hours', now())) r(age, swept)"""
        )
    shown = await scraped(of_nobody(backbone, db))
    assert shown.of("rebuilds") == 2
    assert 7200 <= (shown.of("rebuild_oldest_seconds") or 0) < 7300


async def test_a_scrape_costs_three_statements(backbone: Backbone) -> None:
    statements: list[str] = []
    db = Database(backbone.url, name="tests", on_statement=statements.append)
    await db.open()
    await scraped(of_nobody(backbone, db))
    await db.close()
    assert len(statements) == 3


class Broker:
    """Answers when it is let, or once whoever waited for it has given up; counts how often it is asked."""

    def __init__(self) -> None:
        self.let = Event()
        self.asked = 0

    def __call__(self, _: str, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        self.asked += 1
        self.let.wait(45)
        return {TopicPartition(topic, 0): self.asked for topic in topics}


@asynccontextmanager
async def listening() -> AsyncGenerator[str]:
    """The address of a server that takes connections and never says a word."""
    gone = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    gone.set()
    server.close()


async def test_a_scrape_waits_for_no_broker(journal_db: Database) -> None:
    broker = Broker()
    async with listening() as address:
        ends = Ends(address, ["reader.dead-letter"], ask=broker, every=0)
        metrics = Metrics(WorkerFigures("reader", journal_db, [], ends).read)

        async def asked() -> bool:
            shown = await scraped(metrics)
            assert shown.all(database_up=1, topic_ends_age_seconds=None, dead_letter_records=None)
            return broker.asked == 1

        async def told() -> bool:
            return (await scraped(metrics)).of("dead_letter_records") == 1

        await until(asked)
        broker.let.set()
        await until(told)
        ends.close()


async def refreshed(ends: Ends) -> None:
    """Lets it ask, twice at once, and waits for what comes of it."""

    async def done() -> bool:
        return all(task.get_name() != "ends" for task in asyncio.all_tasks())

    ends.refresh()
    ends.refresh()
    await until(done)


@pytest.mark.parametrize(("every", "asked"), [(600, 1), (0, 3)])
async def test_the_broker_is_asked_again_after_a_while_and_not_before(every: float, asked: int) -> None:
    broker = Broker()
    broker.let.set()
    async with listening() as address:
        ends = Ends(address, ["topic"], ask=broker, every=every)
        for _ in range(3):
            await refreshed(ends)
    assert broker.asked == asked
    assert ends.offsets == {TopicPartition("topic", 0): asked}


async def test_what_was_told_last_is_kept_while_no_broker_answers() -> None:
    broker = Broker()
    broker.let.set()
    async with listening() as address:
        ends = Ends(address, ["topic"], ask=broker, every=0)
        await refreshed(ends)
    await refreshed(ends)
    assert (broker.asked, ends.offsets) == (1, {TopicPartition("topic", 0): 1})
    assert ends.age is not None


@pytest.mark.parametrize("silent", [False, True])
async def test_a_scrape_without_a_database_says_so_and_shows_the_rest(*, silent: bool) -> None:
    async with listening() as address:
        backbone = Backbone(f"postgresql://nobody@{address if silent else NOWHERE}/nothing", NOWHERE)
        db = Database(backbone.url, name="tests")
        await db.open()
        ends = Ends(NOWHERE, [])
        metrics = Metrics(WorkerFigures("reader", db, [backbone.relay(db)], ends).read)
        answer = await metrics.answer()
        await db.close()
        ends.close()
    shown = Shown(bytes(answer.body).decode())
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert shown.all(database_up=0, relay_leads=0, journal_published_total=0, journal_unpublished_rows=None)
    assert shown.of("part_trouble", part="relay") == 1
    assert "process_cpu_seconds_total" in {sample.name for sample in shown.samples}


def test_types_that_others_make_up_are_counted_by_name_up_to_a_number() -> None:
    counts = Counts()
    counts.ignore(Counter({f"made_up.type{n}.v1": 2 for n in range(60)}))
    counts.ignore(Counter({"made_up.type0.v1": 1, "made_up.late.v1": 1}))
    assert (len(counts.ignored_types), counts.ignored) == (51, 122)
    assert (counts.ignored_types["made_up.type0.v1"], counts.ignored_types["other"]) == (3, 21)


def test_a_handler_is_timed_by_its_aggregate() -> None:
    registry = CollectorRegistry()
    took = timer("reader", registry)
    for seconds in (0.003, 0.3, 90):
        took("account", seconds)
    took("visit", 1)
    shown = Shown(generate_latest(registry).decode())
    assert shown.of("handler_seconds_count", aggregate="account") == 3
    assert shown.of("handler_seconds_bucket", aggregate="account", le="0.005") == 1
    assert shown.of("handler_seconds_bucket", aggregate="account", le="60.0") == 2


async def test_an_api_shows_whether_its_database_answers(database_url: DatabaseUrl) -> None:
    async with opened(database_url("library", prepare)) as library:
        assert (await shown_by(library)).all(database_up=1)
    async with opened(f"postgresql://nobody@{NOWHERE}/nothing") as library:
        assert (await shown_by(library)).all(database_up=0)


async def shown_by(library: Library) -> Shown:
    return Shown((await library.client.get("/metrics")).text)


async def test_a_gateway_shows_its_own_process() -> None:
    stand: Standing
    async with standing() as stand:
        shown = Shown((await stand.client.get("/metrics")).text)
    assert "process_resident_memory_bytes" in {sample.name for sample in shown.samples}
