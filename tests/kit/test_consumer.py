"""Consuming: each event has one effect, in order, whoever fails."""

import asyncio
from collections.abc import Sequence
from secrets import token_hex
from uuid import uuid4

import psycopg
import pytest
from kafka import KafkaProducer, TopicPartition

from services.kit.consumer import Consumer
from services.kit.db import Database, Session
from services.kit.envelope import decode
from services.kit.events import Event
from services.kit.handlers import Batch, Handler
from services.kit.kafka import Record, RoundProducer, connect_admin
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


async def test_a_row_too_large_for_an_index_parks_its_key_and_others_go_on(
    backbone: Backbone, db: Database
) -> None:
    async with db.connect() as session:
        await session.execute("CREATE INDEX copy_name ON copy (name)")
    large, fine = uuid4(), [uuid4() for _ in range(10)]
    await publish(
        backbone,
        db,
        *(Change(id=id_) for id_ in fine),
        Change(id=large, name=token_hex(5_000)),
        *(Change(id=id_, version=2) for id_ in fine),
    )
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await counted(consumer, 21)
        await publish(backbone, db, Change(id=large, version=2), Change(id=fine[0], version=3))
        await counted(consumer, 23)
        assert consumer.ready() is None
    assert await copies(db) == {fine[0]: ("Acme", 3, 3)} | dict.fromkeys(fine[1:], ("Acme", 2, 2))
    assert (consumer.counts.handled, consumer.counts.parked) == (21, 2)
    key, reason = await scalar(db, "SELECT json_build_array(key, reason) FROM parked_key")
    assert key == str(large)
    assert "ProgramLimitExceeded: index row" in reason


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


class RawName(str):
    """A header's name of bytes that no text has."""

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "") -> bytes:  # noqa: ARG002
        return b"\xff\xfe"


@pytest.mark.parametrize(
    ("spoilt", "key", "said"),
    [
        ({}, b"a\0b", b"key holds NUL"),
        ({}, b"k" * 5000, b"the key cannot be 'kkk"),
        ({"ce_position": b"1" + b"0" * 30}, None, b"the header ce_position cannot be"),
        ({"ce_requestid": b"a\0b"}, None, b"ce_requestid holds NUL"),
        ({"ce_type": b"account.updated.v" + b"9" * 5000}, None, b"the header ce_type cannot be"),
        ({RawName("raw"): b""}, None, b"the name of a header is not UTF-8"),
        (
            {"ce_source": b"/elsewhere", "ce_position": b"%d" % 10**15},
            None,
            b"ce_source cannot be 'elsewhere'",
        ),
    ],
    ids=["key", "long key", "position", "request", "version of type", "name", "source"],
)
async def test_a_record_that_cannot_be_kept_is_a_dead_letter_and_the_rest_goes_on(
    backbone: Backbone, db: Database, spoilt: dict[str, bytes], key: bytes | None, said: bytes
) -> None:
    bad = Change(name="bad")
    await publish(backbone, db, bad)
    (good,) = backbone.read()
    headers = {name: value or b"" for name, value in good.headers} | {"ce_position": b"2"} | spoilt
    send(backbone, Record(backbone.topic, key or good.key or b"", good.value, list(headers.items())))
    await publish(backbone, db, *(Change(version=2) for _ in range(2 * PARTITIONS)))
    consumer = backbone.reader(db, {"account": failing_on("bad")})
    async with running(consumer):
        await counted(consumer, 2 + 2 * PARTITIONS)
    assert (consumer.counts.parked, consumer.counts.dead, consumer.counts.handled) == (1, 1, 2 * PARTITIONS)
    (letter,) = backbone.read(backbone.dead_letters)
    assert said in (dict(letter.headers)["dl_reason"] or b"")
    assert letter.value == good.value


@pytest.mark.parametrize("part", ["value", "key", "headers", "many headers"])
async def test_of_what_is_too_long_to_be_sent_again_the_letter_has_the_beginning(
    backbone: Backbone, db: Database, part: str
) -> None:
    """Packed, three megabytes are no more than three thousand bytes."""
    account = uuid4()
    long = {part: b"x" * 3_000_000}
    headers = [("ce_type", b"account.updated.v1"), ("first", long.get("headers", b""))]
    headers += [(f"header-{n}", b"x" * 40) for n in range(60_000 if part == "many headers" else 0)]
    producer = KafkaProducer(
        bootstrap_servers=backbone.bootstrap, compression_type="gzip", max_request_size=10_000_000
    )
    key = long.get("key", str(account).encode())
    producer.send(backbone.topic, long.get("value", b"{"), key=key, headers=headers).get(10)
    producer.close()
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await publish(backbone, db, Change(id=account))
        await counted(consumer, 2)
    (letter,) = backbone.read(backbone.dead_letters)
    said = dict(letter.headers)
    cut = part.rsplit(maxsplit=1)[-1]
    assert {name for name in said if name.endswith("_bytes")} == {f"dl_{cut}_bytes"}
    assert int(said[f"dl_{cut}_bytes"] or b"") >= 3_000_000
    assert said["ce_type"] == b"account.updated.v1"
    assert said["dl_topic"] == backbone.topic.encode()


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
