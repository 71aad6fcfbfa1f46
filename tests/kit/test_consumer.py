"""Consuming: each event has one effect, in order, whoever fails."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from services.kit.consumer import Consumer
from services.kit.db import Database, Session
from services.kit.delivery import Delivery, Displaced, grouped
from services.kit.envelope import Undecodable, decode
from services.kit.events import Event
from services.kit.handlers import Batch, Handler, Handlers
from services.kit.kafka import Record, RoundProducer, connect_admin
from services.kit.outages import is_outage
from services.kit.sorting import Place, Received, Slice
from tests.kit.backbone import (
    PARTITIONS,
    Backbone,
    Change,
    copies,
    fold,
    journal,
    published,
    running,
    scalar,
    until,
)


async def publish(backbone: Backbone, db: Database, *changes: Change) -> None:
    """Journals the changes, and has a relay publish them."""
    async with db.transaction() as tx:
        await journal(tx, *changes)
    async with running(backbone.relay(db)):
        await published(db, await scalar(db, "SELECT max(id) FROM journal"))


async def publish_again(backbone: Backbone, db: Database) -> None:
    """Has everything published a second time, as by a relay that was killed before it moved the cursor."""
    upto = await scalar(db, "SELECT published FROM journal_cursor")
    await scalar(db, "UPDATE journal_cursor SET published = 0 RETURNING published")
    async with running(backbone.relay(db)):
        await published(db, upto)


async def counted(consumer: Consumer, records: int) -> None:
    """Waits until the consumer has disposed of as many records."""
    counts = consumer.counts

    async def disposed() -> bool:
        return counts.handled + counts.ignored + counts.repeated + counts.parked + counts.dead >= records

    await until(disposed)


def send(backbone: Backbone, *records: Record) -> None:
    producer = RoundProducer(backbone.bootstrap, client_id="tests")
    producer.send(records, timeout=10)
    producer.close()


async def test_a_consumer_that_starts_later_reads_everything_from_the_beginning(
    backbone: Backbone, db: Database
) -> None:
    changes = [Change(name=f"account {n}") for n in range(300)]
    await publish(backbone, db, *changes)
    consumer = backbone.reader(db, {"account": fold})
    assert consumer.ready() is not None
    async with running(consumer):
        await counted(consumer, 300)
        assert consumer.ready() is None
    assert await copies(db) == {change.id: (change.name, 1, 1) for change in changes}


async def test_a_consumer_goes_on_where_it_stood(backbone: Backbone, db: Database) -> None:
    for _ in range(3):
        await publish(backbone, db, Change(), Change())
        consumer = backbone.reader(db, {"account": fold})
        async with running(consumer):
            await counted(consumer, 2)
        assert consumer.counts.handled == 2
    assert {effects for _, _, effects in (await copies(db)).values()} == {1}


async def test_a_repetition_of_the_relay_has_no_second_effect(backbone: Backbone, db: Database) -> None:
    await publish(backbone, db, *(Change() for _ in range(20)))
    await publish_again(backbone, db)
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await counted(consumer, 40)
    assert (consumer.counts.handled, consumer.counts.repeated) == (20, 20)
    assert {effects for _, _, effects in (await copies(db)).values()} == {1}


async def test_a_repetition_after_the_batch_was_handled_is_dropped_too(
    backbone: Backbone, db: Database
) -> None:
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await publish(backbone, db, Change())
        await counted(consumer, 1)
        await publish_again(backbone, db)
        await counted(consumer, 2)
    assert (consumer.counts.handled, consumer.counts.repeated) == (1, 1)


async def test_a_handler_is_found_by_full_type_before_aggregate_and_the_rest_is_ignored(
    backbone: Backbone, db: Database
) -> None:
    seen: list[tuple[str, str]] = []

    def noting(name: str) -> Handler:
        async def note(_: Session, event: Event) -> None:
            seen.append((name, event.type))

        return note

    account = uuid4()
    types = ["account.created", "account.renamed", "visit.created"]
    await publish(backbone, db, *(Change(id=account, key=account, type=type_) for type_ in types))
    consumer = backbone.reader(db, {"account": noting("by aggregate"), "account.renamed": noting("by type")})
    async with running(consumer):
        await counted(consumer, 3)
    assert seen == [("by aggregate", "account.created"), ("by type", "account.renamed")]
    assert consumer.counts.ignored == 1


async def test_a_batch_handler_gets_the_events_of_each_key_in_order(backbone: Backbone, db: Database) -> None:
    keys = [uuid4() for _ in range(5)]
    batches: list[Sequence[Event]] = []

    async def note(_: Session, events: Sequence[Event]) -> None:
        batches.append(events)

    await publish(backbone, db, *(Change(id=keys[n % 5], version=n) for n in range(500)))
    consumer = backbone.reader(db, {"account": Batch(note)})
    async with running(consumer):
        await counted(consumer, 500)
    assert len(batches) <= 2 * PARTITIONS
    for key in keys:
        versions = [event.version for events in batches for event in events if event.subject_id == key]
        assert versions == sorted(versions)
        assert len(versions) == 100


def failing_on(name: str) -> Handler:
    async def handle(tx: Session, event: Event) -> None:
        await fold(tx, event)
        if event.data["name"] == name:
            raise ValueError("poison")

    return handle


async def test_a_parked_key_holds_what_follows_while_others_go_on(backbone: Backbone, db: Database) -> None:
    poisoned, fine = uuid4(), [uuid4() for _ in range(10)]
    await publish(
        backbone,
        db,
        Change(id=poisoned, name="good", version=1),
        *(Change(id=id_) for id_ in fine),
        Change(id=poisoned, name="bad", version=2),
        *(Change(id=id_, version=2) for id_ in fine),
        Change(id=poisoned, name="good again", version=3),
    )
    consumer = backbone.reader(db, {"account": failing_on("bad")})
    async with running(consumer):
        await counted(consumer, 23)
        await publish(
            backbone, db, Change(id=poisoned, name="later", version=4), Change(id=fine[0], version=3)
        )
        await counted(consumer, 25)
    found = await copies(db)
    assert found[poisoned] == ("good", 1, 1)
    assert [found[id_][1] for id_ in fine] == [3] + [2] * 9
    assert (consumer.counts.handled, consumer.counts.parked) == (22, 3)
    async with db.connect() as session:
        keys = await (await session.execute("SELECT key, reason FROM parked_key")).fetchall()
        rows = await (
            await session.execute("SELECT headers, value FROM parked_record ORDER BY id")
        ).fetchall()
    assert [key for key, _ in keys] == [str(poisoned)]
    assert "ValueError: poison" in keys[0][1]
    events = [
        decode(str(poisoned).encode(), [(n, v.encode()) for n, v in headers], value)
        for headers, value in rows
    ]
    assert [event.version for event in events] == [2, 3, 4]


async def test_a_key_being_driven_again_is_not_passed_by_the_consumer(
    backbone: Backbone, db: Database
) -> None:
    poisoned = uuid4()
    await publish(backbone, db, Change(id=poisoned, name="bad"))
    consumer = backbone.reader(db, {"account": failing_on("bad")})
    async with running(consumer):
        await counted(consumer, 1)
        async with db.transaction() as driver:
            await driver.execute("DELETE FROM parked_key")
            await publish(backbone, db, Change(id=poisoned, name="next", version=2))
            # The consumer waits for the driver's lock, gives up and comes again.
            await until(lambda: asyncio.sleep(0, "LockNotAvailable" in (consumer.ready() or "")))
            assert await copies(db) == {}
        await counted(consumer, 2)
    assert await copies(db) == {poisoned: ("next", 2, 1)}


async def test_a_deferred_constraint_parks_the_key_it_is_about(backbone: Backbone, db: Database) -> None:
    async with db.connect() as session:
        await session.execute("CREATE TABLE known (id uuid PRIMARY KEY)")
        await session.execute(
            "ALTER TABLE copy ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES known DEFERRABLE INITIALLY DEFERRED"
        )
        known, stranger = uuid4(), uuid4()
        await session.execute("INSERT INTO known VALUES (%s)", [known])
    await publish(backbone, db, Change(id=stranger), Change(id=known))
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await counted(consumer, 2)
    assert set(await copies(db)) == {known}
    assert await scalar(db, "SELECT key FROM parked_key") == str(stranger)


async def test_what_is_no_event_goes_to_the_dead_letters_with_its_reason(
    backbone: Backbone, db: Database
) -> None:
    account = Change()
    await publish(backbone, db, account)
    (good,) = backbone.read()
    headers = [(name, value or b"") for name, value in good.headers]
    send(backbone, Record(backbone.topic, good.key or b"", b"{", headers))
    send(backbone, Record(backbone.topic, b"\xff", None, [("ce_id", b"\xfe")]))
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await counted(consumer, 3)
    assert (consumer.counts.handled, consumer.counts.dead) == (1, 2)
    letters = {record.value: dict(record.headers) for record in backbone.read(backbone.dead_letters)}
    assert set(letters) == {b"{", None}
    assert letters[b"{"]["dl_reason"] == b"the value is not JSON"
    assert letters[b"{"]["ce_subject"] == f"accounts/{account.id}".encode()
    assert letters[b"{"]["dl_topic"] == backbone.topic.encode()
    assert letters[b"{"]["dl_offset"] == b"%d" % (good.offset + 1)
    assert letters[b"{"]["dl_partition"] == b"%d" % good.partition
    assert letters[None]["ce_id"] == b"\xfe"


async def test_the_place_does_not_move_before_the_dead_letter_is_acknowledged(
    backbone: Backbone, db: Database
) -> None:
    admin = connect_admin(backbone.bootstrap, client_id="tests")
    admin.delete_topics([backbone.dead_letters])
    send(backbone, Record(backbone.topic, b"key", b"{", [("ce_type", b"account.updated.v1")]))
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await until(lambda: asyncio.sleep(0, "NotAcknowledged" in (consumer.ready() or "")))
        assert await scalar(db, "SELECT max(next_offset) FROM consumer_position") == 0
        admin.create_topics({backbone.dead_letters: {"num_partitions": 1, "replication_factor": 1}})
        admin.close()
        await counted(consumer, 1)
    assert len(backbone.read(backbone.dead_letters)) == 1


async def test_an_outage_is_waited_out_and_parks_nothing(backbone: Backbone, db: Database) -> None:
    outages = [psycopg.OperationalError("gone"), psycopg.errors.DeadlockDetected("deadlock"), TimeoutError()]

    async def handle(tx: Session, event: Event) -> None:
        await fold(tx, event)
        if outages:
            raise outages.pop()

    account = uuid4()
    await publish(backbone, db, Change(id=account))
    consumer = backbone.reader(db, {"account": handle})
    async with running(consumer):
        await counted(consumer, 1)
    assert await copies(db) == {account: ("Acme", 1, 1)}
    assert await scalar(db, "SELECT count(*) FROM parked_key") == 0


async def test_a_session_killed_in_the_middle_of_a_batch_leaves_nothing_half_done(
    backbone: Backbone, db: Database
) -> None:
    killed: list[int] = []

    async def handle(tx: Session, event: Event) -> None:
        await fold(tx, event)
        if len(killed) < 2 and event.version == 5:
            killed.append(tx.info.backend_pid)
            await scalar(db, f"SELECT pg_terminate_backend({tx.info.backend_pid})")
            await tx.execute("SELECT 1")

    account = uuid4()
    await publish(backbone, db, *(Change(id=account, version=n) for n in range(10)))
    consumer = backbone.reader(db, {"account": handle})
    async with running(consumer):
        await counted(consumer, 10)
    assert await copies(db) == {account: ("Acme", 9, 10)}
    assert len(killed) == 2


def slice_of(topic: str, place: Place, events: Sequence[Event], handler: Handler) -> Slice:
    record = ConsumerRecord(topic, 0, 0, 0, 0, 0, None, None, [], None, 0, 0, 0)
    after = Place(place.next_offset + len(events), max(event.position for event in events))
    return Slice(
        TopicPartition(topic, 0), place, after, tuple(Received(event, record, handler) for event in events)
    )


def event_of(id_: UUID, position: int, *, key: str = "") -> Event:
    return Event(
        id=f"event-{position}",
        source="made",
        type="account.updated",
        schema_version=1,
        aggregate="account",
        subject_id=id_,
        version=position,
        position=position,
        time=datetime(2026, 11, 22, tzinfo=UTC),
        actor="sub:tests",
        imported=False,
        data={"name": "Acme"},
        changed=None,
        key=key or str(id_),
    )


async def test_the_fence_lets_one_of_two_owners_of_a_partition_move(journal_db: Database) -> None:
    deliveries = [Delivery("reader", journal_db), Delivery("reader", journal_db)]
    await deliveries[0].begin({TopicPartition("t", 0): 7})
    await deliveries[1].begin({TopicPartition("t", 0): 99})
    account = uuid4()
    batch = [slice_of("t", Place(7, 0), [event_of(account, 1)], fold)]
    results = await asyncio.gather(*(each.deliver(batch) for each in deliveries), return_exceptions=True)
    assert sum(isinstance(result, Displaced) for result in results) == 1
    assert await copies(journal_db) == {account: ("Acme", 1, 1)}
    assert await deliveries[0].places([TopicPartition("t", 0)]) == {TopicPartition("t", 0): Place(8, 1)}


async def test_one_displaced_partition_takes_the_whole_batch_back(journal_db: Database) -> None:
    delivery = Delivery("reader", journal_db)
    await delivery.begin({TopicPartition("t", 0): 0, TopicPartition("u", 0): 5})
    batch = [slice_of(topic, Place(0, 0), [event_of(uuid4(), 1)], fold) for topic in ("t", "u")]
    with pytest.raises(Displaced):
        await delivery.deliver(batch)
    assert await copies(journal_db) == {}
    assert (await delivery.places([TopicPartition("t", 0)]))[TopicPartition("t", 0)] == Place(0, 0)


async def test_partitions_are_shared_and_taken_over_without_loss_or_double(
    backbone: Backbone, db: Database
) -> None:
    accounts = [uuid4() for _ in range(30)]

    async def write(version: int) -> None:
        await publish(backbone, db, *(Change(id=id_, version=version) for id_ in accounts))

    first, second = backbone.reader(db, {"account": fold}), backbone.reader(db, {"account": fold})
    async with running(first):
        await write(1)
        await counted(first, 30)
        async with running(second):
            await until(lambda: asyncio.sleep(0, second.ready() is None))
            await write(2)
            await until(lambda: _all_at(db, 2))
        await write(3)
        await until(lambda: _all_at(db, 3))
    assert set((await copies(db)).values()) == {("Acme", 3, 3)}
    assert first.counts.handled + second.counts.handled == 90


async def _all_at(db: Database, version: int) -> bool:
    return {state[1] for state in (await copies(db)).values()} == {version}


async def test_an_offset_out_of_range_stops_the_consumer_and_names_the_rebuild(
    backbone: Backbone, db: Database
) -> None:
    account = uuid4()
    await publish(backbone, db, Change(id=account))
    first = backbone.reader(db, {"account": fold})
    async with running(first):
        await counted(first, 1)
    await publish(backbone, db, Change(id=account, version=2), Change(id=account, version=3))
    admin = connect_admin(backbone.bootstrap, client_id="tests")
    partition = backbone.read()[0].partition
    admin.delete_records({TopicPartition(backbone.topic, partition): 3})
    admin.close()
    late = backbone.reader(db, {"account": fold})
    async with running(late):
        await until(lambda: asyncio.sleep(0, "foothold events rebuild" in (late.ready() or "")))
    assert f"foothold events rebuild {backbone.consumer} --from {backbone.producer}" in (late.ready() or "")
    assert await copies(db) == {account: ("Acme", 1, 1)}


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.usefixtures("broken_connections")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_consumer_without_a_broker_says_so_and_stops_when_told(
    backbone: Backbone, db: Database
) -> None:
    lost = Backbone(backbone.url, "127.0.0.1:1")
    consumer = lost.reader(db, {"account": fold})
    async with running(consumer):
        await until(lambda: asyncio.sleep(0, "no broker" in (consumer.ready() or "")))


async def first_handler(_: Session, __: Event) -> None: ...


async def second_handler(_: Session, __: Event) -> None: ...


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=40))
def test_groups_keep_the_order_of_each_key(drawn: list[tuple[str, bool]]) -> None:
    record = ConsumerRecord("t", 0, 0, 0, 0, 0, None, None, [], None, 0, 0, 0)
    received = [
        Received(event_of(uuid4(), n, key=key), record, first_handler if first else second_handler)
        for n, (key, first) in enumerate(drawn)
    ]
    groups = grouped(received)
    assert sum(len(events) for _, events in groups) == len(received)
    for key in "abcd":
        found = [event.position for _, events in groups for event in events if event.key == key]
        assert found == [one.event.position for one in received if one.event.key == key]
    by_event = {one.event.position: one.handler for one in received}
    assert all(by_event[event.position] is handler for handler, events in groups for event in events)


def test_events_of_other_keys_do_not_break_a_group() -> None:
    record = ConsumerRecord("t", 0, 0, 0, 0, 0, None, None, [], None, 0, 0, 0)
    handlers = [first_handler, second_handler]
    received = [
        Received(event_of(uuid4(), n, key=f"key-{n // 2}"), record, handlers[n % 2]) for n in range(20)
    ]
    assert [len(events) for _, events in grouped(received)] == [10, 10]


def test_later_versions_of_a_type_are_found_by_their_full_name_alone() -> None:
    handlers = Handlers({"account": first_handler, "account.updated.v2": second_handler})
    assert handlers.find("account.updated.v1") is first_handler
    assert handlers.find("account.updated.v2") is second_handler
    assert handlers.find("account.created.v2") is None
    with pytest.raises(Undecodable):
        handlers.find("account")


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (psycopg.OperationalError("server closed the connection"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.errors.SerializationFailure(), True),
        (psycopg.errors.LockNotAvailable(), True),
        (psycopg.errors.IdleInTransactionSessionTimeout(), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (psycopg.errors.ProgramLimitExceeded(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.errors.NotNullViolation(), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (ValueError(), False),
        (KeyError("name"), False),
    ],
)
def test_only_database_and_network_are_waited_for(error: Exception, outage: bool) -> None:
    assert is_outage(error) is outage
