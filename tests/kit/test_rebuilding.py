"""Rebuilding: copies are made anew out of what a republish tells, and what it did not tell of is gone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from services.kit import epochs, parked, rebuilding
from services.kit.db import Database, Session
from services.kit.delivery import Delivery
from services.kit.envelope import decode
from services.kit.events import FINISHED, MARKS, STARTED, Event
from services.kit.handlers import Batch
from services.kit.ids import new_id
from services.kit.kafka import ranges
from services.kit.rebuilding import Rebuilds, Sweeping
from services.kit.relay import backlog
from services.kit.sorting import Place, Received, Slice
from tests.conftest import DatabaseUrl
from tests.jobs import work_off
from tests.kit import library
from tests.kit.backbone import PARTITIONS, Backbone, first_appearances, positions, running, scalar, until
from tests.kit.lending import BOOKS, Lending, lending, prepare_reader
from tests.servers import Databases


@pytest.fixture
async def house(backbone: Backbone, database_url: DatabaseUrl) -> AsyncIterator[Lending]:
    """A producer and a consumer of books."""
    owner, reader = database_url("owner", library.prepare), database_url("reader", prepare_reader)
    async with lending(backbone, owner, reader) as made:
        yield made


async def spoil(db: Database, *statements: str) -> None:
    async with db.connect() as session:
        for statement in statements:
            await session.execute(statement.encode())


async def ask(house: Lending) -> UUID:
    """Asks for a rebuild, and for the republish that it takes."""
    id = new_id()
    async with house.reader.transaction() as tx:
        await rebuilding.ask(tx, house.reader_name, house.topic, id, house.handlers, ["book"])
    return await house.ask(id=id)


async def swept(house: Lending, id: UUID) -> int | None:
    async with house.reader.connect() as session:
        return await rebuilding.swept(session, house.reader_name, house.topic, id)


async def rebuilt(house: Lending, id: UUID) -> int:
    """Waits until the rebuild is at its end; gives how many copies were swept."""

    async def done() -> bool:
        return await swept(house, id) is not None

    await until(done)
    return await swept(house, id) or 0


async def test_a_rebuild_overwrites_adds_and_sweeps(house: Lending) -> None:
    wrong, missing, right = await house.add("Wrong", "Missing", "Right")
    stray = uuid4()
    async with running(house.relay(), house.consumer(), house.worker(), house.sweeping()):
        await house.agree()
        await spoil(
            house.reader,
            f"UPDATE book_copy SET title = 'made up', version = 99 WHERE id = '{wrong}'",
            f"DELETE FROM book_copy WHERE id = '{missing}'",
            f"INSERT INTO book_copy (id, version, title) VALUES ('{stray}', 5, 'Stray')",
        )
        assert await rebuilt(house, await ask(house)) == 1
        assert await house.copies() == await house.rows() == {
            wrong: ("Wrong", 1), missing: ("Missing", 1), right: ("Right", 1),
        }  # fmt: skip
        assert await scalar(
            house.reader, f"SELECT deleted_at IS NOT NULL FROM book_copy WHERE id = '{stray}'"
        )
        await house.retitle(wrong, "Told after it")
        await house.agree()


async def test_copies_are_read_while_they_are_made_anew(house: Lending) -> None:
    house.batch = 3
    ids = set(await house.add(*(f"Volume {number}" for number in range(60))))
    seen: list[int] = []
    async with running(house.relay(), house.consumer(), house.sweeping()):
        await house.agree()
        id = await ask(house)
        async with running(house.worker()):
            while await swept(house, id) is None:
                seen.append(len(ids & (await house.copies()).keys()))
    assert len(seen) > 3
    assert set(seen) == {len(ids)}


async def test_a_republish_that_nobody_asked_to_rebuild_by_sweeps_nothing(house: Lending) -> None:
    await house.add("Emma")
    stray = uuid4()
    async with running(house.relay(), house.consumer(), house.worker(), house.sweeping()):
        await house.agree()
        await spoil(
            house.reader, f"INSERT INTO book_copy (id, version, title) VALUES ('{stray}', 5, 'Stray')"
        )
        await house.republish()
        await house.published()
        await house.add("After it")

        async def told() -> bool:
            return len(await house.copies()) == 3

        await until(told)
    assert stray in await house.copies()
    assert await scalar(house.reader, "SELECT count(*) FROM rebuild") == 0


async def test_sweeping_waits_for_parked_keys(house: Lending) -> None:
    [emma] = await house.add("Emma")
    async with running(house.relay(), house.consumer(), house.sweeping()):
        await house.agree()
        await spoil(
            house.reader,
            f"""INSERT INTO parked_key (consumer, topic, key, partition, reason)
            VALUES ('{house.reader_name}', '{house.topic}', '{emma}', 0, 'planted')""",
        )
        id = await ask(house)
        await work_off(house.worker())

        async def ended() -> bool:
            return await scalar(house.reader, "SELECT cardinality(ended) FROM rebuild") == PARTITIONS

        await until(ended)
        await asyncio.sleep(1.5)
        assert await swept(house, id) is None
        assert emma in await house.copies()
        await spoil(
            house.reader, f"UPDATE book_copy SET version = 1 WHERE id = '{emma}'", "DELETE FROM parked_key"
        )
        assert await rebuilt(house, id) == 0
    assert await house.copies() == await house.rows()


async def test_two_readers_of_one_name_rebuild_once(house: Lending) -> None:
    await house.add(*(f"Volume {number}" for number in range(20)))
    stray = uuid4()
    async with running(house.relay(), house.worker(), house.consumer(), house.consumer(), house.sweeping()):
        await house.agree()
        await spoil(
            house.reader, f"INSERT INTO book_copy (id, version, title) VALUES ('{stray}', 5, 'Stray')"
        )
        assert await rebuilt(house, await ask(house)) == 1
        await house.agree()


async def test_what_was_erased_stays_as_it_is(house: Lending) -> None:
    [emma] = await house.add("Emma")
    async with running(house.relay(), house.consumer(), house.worker(), house.sweeping()):
        await house.agree()
        await spoil(
            house.reader,
            f"UPDATE book_copy SET title = '', erased = true, deleted_at = now() WHERE id = '{emma}'",
        )
        await rebuilt(house, await ask(house))
        await house.retitle(emma, "Told of all the same")
        await house.published()
        [other] = await house.add("Another")

        async def told() -> bool:
            return other in await house.copies()

        await until(told)
    assert await scalar(house.reader, f"SELECT title FROM book_copy WHERE id = '{emma}'") == ""
    async with house.reader.connect() as session:
        await BOOKS.keep(session, [{"id": str(emma), "title": "Shown", "version": 50}])
    assert emma not in await house.copies()


async def test_a_reader_that_lost_its_place_goes_on_and_rebuilds(house: Lending) -> None:
    ids = await house.add(*(f"Volume {number}" for number in range(30)))
    async with running(house.relay(), house.consumer()):
        await house.agree()
    async with running(house.relay()):
        for id in ids[:20]:
            await house.retitle(id, "Lost")
        for id in ids[20:25]:
            await house.remove(id)
        await house.published()
        house.forget_topic()
        await house.retitle(ids[0], "Still there")
        await house.published()
    late = house.consumer()
    async with running(house.relay(), late, house.worker(), house.sweeping()):

        async def stopped() -> bool:
            return "foothold events rebuild" in (late.ready() or "")

        await until(stopped)
        offsets = ranges(house.backbone.bootstrap, [house.topic])
        async with house.reader.transaction() as tx:
            found = await rebuilding.find_places(tx, house.reader_name, offsets)
        assert found
        assert await rebuilt(house, await ask(house)) == 5
        await house.agree()
        await until(lambda: asyncio.sleep(0, late.ready() is None))


async def test_after_a_restore_a_new_epoch_leaves_everybody_with_what_the_backup_has(
    backbone: Backbone, databases: Databases, database_url: DatabaseUrl
) -> None:
    owner_url, reader_url = database_url("owner", library.prepare), database_url("reader", prepare_reader)
    async with lending(backbone, owner_url, reader_url) as house:
        kept, ahead, gone = await house.add("Kept", "Ahead", "Removed after the backup")
        async with running(house.relay(), house.consumer()):
            await house.agree()
    backup = databases.create("backup", lambda url: copy_database(owner_url, url))
    async with lending(backbone, owner_url, reader_url) as house:
        reader_name = house.reader_name
        async with running(house.relay(), house.consumer()):
            for number in range(5):
                await house.retitle(ahead, f"Lost {number}")
            await house.add("Lost")
            await house.remove(gone)
            await house.agree()
            last = await scalar(house.owner, "SELECT published FROM journal_cursor")
    async with lending(backbone, backup, reader_url) as house:
        restored = replace(house, reader_name=reader_name)
        await restored.retitle(ahead, "After the restore")
        async with restored.owner.transaction() as tx:
            epoch = await epochs.begin(tx, above=last)
        assert (epoch.number, epoch.first_position) == (2, last + 1)
        async with running(restored.relay(), restored.consumer(), restored.worker(), restored.sweeping()):
            await rebuilt(restored, await ask(restored))
            await restored.agree()
            await restored.published()
        assert await restored.copies() == {
            kept: ("Kept", 1), ahead: ("After the restore", 2), gone: ("Removed after the backup", 1),
        }  # fmt: skip
        records = restored.told()
        by_event = {
            dict(r.headers)["ce_id"]: position
            for r, position in zip(records, positions(records), strict=True)
        }
        marked = [r for r in records if b"republish." in (dict(r.headers)["ce_type"] or b"")]
        assert len(by_event) == len(set(by_event.values())), "no position was given twice"
        assert len(marked) == 2 * PARTITIONS
        assert all(seen == sorted(seen) for seen in first_appearances(records).values())
        async with restored.owner.connect() as session:
            assert (await backlog(session)).unpublished == 0


async def test_what_waits_across_the_beginning_of_an_epoch_is_counted_and_published(house: Lending) -> None:
    await house.add("Emma", "Persuasion")
    async with running(house.relay()):
        await house.published()
    async with house.owner.transaction() as tx:
        await epochs.begin(tx, above=1_000)
    await house.add("Lady Susan")
    async with house.owner.connect() as session:
        waiting = await backlog(session)
        assert (waiting.unnumbered, waiting.unpublished) == (1, 0)
        await session.execute("UPDATE journal_cursor SET published = 1")
        assert (await backlog(session)).unpublished == 1
    async with running(house.relay()):
        await house.published()
    assert sorted(set(positions(house.told()))) == [1, 2, 1_001]


async def test_a_hole_that_is_no_epoch_stops_the_relay(house: Lending) -> None:
    await house.add("Emma")
    async with house.owner.connect() as session:
        await session.execute("UPDATE journal_head SET position = 7")
    relay = house.relay()
    async with running(relay):
        await until(lambda: asyncio.sleep(0, "no row at position 1" in (relay.ready() or "")))
    assert house.told() == []


async def test_a_new_epoch_never_goes_back(house: Lending) -> None:
    await house.add("Emma")
    async with running(house.relay()):
        await house.published()
    async with house.owner.transaction() as tx:
        assert (await epochs.begin(tx, above=0)).first_position == 2


def copy_database(source: str, target: str) -> None:
    """Copies what the source's tables hold into a database of the same tables."""
    library.prepare(target)
    with psycopg.connect(source) as old, psycopg.connect(target) as new:
        names = [
            row[0]
            for row in old.execute(
                """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                AND NOT relispartition AND relname <> 'alembic_version'"""
            )
        ]
        new.execute("SET session_replication_role = replica")
        for name in names:
            new.execute(f"TRUNCATE {name} CASCADE".encode())
        for name in names:
            with old.cursor().copy(f"COPY (SELECT * FROM {name}) TO STDOUT".encode()) as out:
                rows = b"".join(out)
            with new.cursor().copy(f"COPY {name} FROM STDIN".encode()) as into:
                into.write(rows)
        for (sequence,) in new.execute(
            "SELECT pg_get_serial_sequence('journal', 'id') UNION SELECT pg_get_serial_sequence('parked_record', 'id')"
        ).fetchall():
            new.execute(f"SELECT setval('{sequence}', 1000)".encode())


class Reading:
    """A reader's batches by hand: one partition at a time, from the offset where it stands."""

    def __init__(self, house: Lending) -> None:
        self._house = house
        self.handlers = house.handlers
        self._rebuilds = Rebuilds("reader", house.handlers)
        self._rebuilds.partitions[TOPIC] = 2
        self.delivery = Delivery("reader", house.reader, settle=self._rebuilds.settle)
        self._places = {0: Place(0, 0), 1: Place(0, 0)}

    async def begin(self) -> None:
        await self.delivery.begin({TopicPartition(TOPIC, number): 0 for number in self._places})

    async def ask(self, republish: UUID) -> None:
        async with self._house.reader.transaction() as tx:
            await rebuilding.ask(tx, "reader", TOPIC, republish, self._house.handlers, ["book"])

    async def told(
        self,
        partition: int,
        position: int,
        type_: str,
        id: UUID,
        title: str = "",
        *,
        version: int = 1,
        key: UUID | None = None,
    ) -> None:
        """Handles a batch of one record: an event of a book, or a mark."""
        data: dict[str, Any] = {"id": str(id), "title": title}
        if type_ in MARKS.types:
            data = {"id": str(id), "epoch": 2, "aggregates": ["book"], "complete": True}
        headers = {
            "ce_id": str(position), "ce_source": "/made", "ce_type": f"{type_}.v1", "ce_subject": f"books/{id}",
            "ce_time": "2026-11-22T00:00:00Z", "ce_sequence": str(version), "ce_position": str(position),
        }  # fmt: skip
        before = self._places[partition]
        after = self._places[partition] = Place(before.next_offset + 1, position)
        record = ConsumerRecord(
            TOPIC, partition, 0, before.next_offset, 0, 0, str(key or id).encode(), orjson.dumps({"data": data}),
            [(name, text.encode()) for name, text in headers.items()], None, 0, 0, 0,
        )  # fmt: skip
        event = decode(record.key, record.headers, record.value)
        at = TopicPartition(TOPIC, partition)
        if type_ in MARKS.types:
            await self.delivery.deliver([Slice(at, before, after, (), event)])
            return
        received = Received(event, record, self.handlers["book"])
        await self.delivery.deliver([Slice(at, before, after, (received,))])


TOPIC = "made.events"


async def test_what_comes_late_from_before_the_start_mark_does_not_count_as_told(house: Lending) -> None:
    """The owner was restored; one partition's marks are met while the other still tells of what was lost."""
    republish, kept, lost, late, shown = (uuid4() for _ in range(5))
    reading = Reading(house)
    await reading.begin()
    await reading.told(0, 1, "book.created", kept, "Kept")
    await reading.ask(republish)
    async with house.reader.connect() as session:
        await BOOKS.keep(session, [{"id": str(shown), "title": "Shown by its owner", "version": 2}])
    await reading.told(0, 90, STARTED, republish)
    await reading.told(0, 91, "book.snapshot", kept, "Kept")
    await reading.told(0, 92, FINISHED, republish)
    await reading.told(1, 2, "book.created", lost, "Lost with what was after the backup")
    assert set(await house.copies()) == {kept, lost, shown}, "it is read until it is known to be gone"
    await reading.told(1, 90, STARTED, republish)
    await reading.told(1, 92, FINISHED, republish)
    await reading.told(1, 93, "book.created", late, "Born after it")
    sweeping = Sweeping("reader", house.reader, house.handlers)
    while await sweeping.sweep():
        pass
    assert await house.copies() == {
        kept: ("Kept", 1), late: ("Born after it", 1), shown: ("Shown by its owner", 2),
    }  # fmt: skip


async def fail(_: Session, __: Sequence[Event]) -> None:
    raise ValueError("not yet mended")


@pytest.mark.parametrize("when", ["before the start", "after the start", "after the end"])
async def test_what_was_parked_before_the_start_mark_does_not_count_as_told_when_it_is_driven(
    house: Lending, when: str
) -> None:
    """The owner was restored; what was lost with it was parked here, and nobody mends that before the republish."""
    republish, kept, lost, fresh = (uuid4() for _ in range(4))
    reading = Reading(house)
    await reading.begin()

    async def driven(now: str) -> None:
        if now == when:
            (key,) = await parked.parked(house.reader)
            assert (await parked.drive(house.reader, house.handlers, key.id)).reason is None

    await reading.told(0, 1, "book.created", kept, "Kept")
    await reading.ask(republish)
    reading.handlers = {"book": Batch(fail, BOOKS)}
    await reading.told(0, 2, "book.updated", kept, "Lost future", version=9)
    await reading.told(0, 3, "book.created", lost, "Lost", key=kept)
    reading.handlers = house.handlers
    await driven("before the start")
    await reading.told(1, 90, STARTED, republish)
    await reading.told(0, 90, STARTED, republish)
    await driven("after the start")
    await reading.told(0, 91, "book.snapshot", kept, "Kept")
    await reading.told(0, 92, FINISHED, republish)
    await reading.told(1, 92, FINISHED, republish)
    await reading.told(0, 93, "book.created", fresh, "Born after it", key=kept)
    sweeping = Sweeping("reader", house.reader, house.handlers)
    assert await sweeping.sweep() == (when != "after the end")
    await driven("after the end")
    while await sweeping.sweep():
        pass
    assert await house.copies() == {kept: ("Kept", 1), fresh: ("Born after it", 1)}


async def test_no_rebuild_begins_in_the_middle_of_a_batch(house: Lending) -> None:
    reading = Reading(house)
    async with house.reader.transaction() as batch:
        await batch.execute("SELECT pg_advisory_xact_lock_shared(7108, hashtext('reader'))")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await reading.ask(uuid4())
    assert await scalar(house.reader, "SELECT count(*) FROM rebuild") == 0


async def test_no_rebuild_begins_while_a_parked_key_is_driven(house: Lending) -> None:
    async with house.reader.transaction() as driving:
        assert await rebuilding.start_position(driving, "reader", TOPIC) == 0
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await Reading(house).ask(uuid4())
    assert await scalar(house.reader, "SELECT count(*) FROM rebuild") == 0
