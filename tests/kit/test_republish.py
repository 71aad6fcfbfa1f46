"""Republishing: all that there is is told once more between marks, whatever else goes on and whoever is killed."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest
from kafka.consumer.fetcher import ConsumerRecord

from services.kit.republish import BACKLOG, Schedule
from tests.conftest import DatabaseUrl
from tests.jobs import work_off
from tests.kit import library
from tests.kit.backbone import PARTITIONS, Backbone, running, scalar, until
from tests.kit.lending import Lending, lending, prepare_reader


@pytest.fixture
async def house(backbone: Backbone, database_url: DatabaseUrl) -> AsyncIterator[Lending]:
    """A producer and a consumer of books."""
    owner, reader = database_url("owner", library.prepare), database_url("reader", prepare_reader)
    async with lending(backbone, owner, reader) as made:
        yield made


def headers(record: ConsumerRecord) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers}


def value(record: ConsumerRecord) -> dict[str, Any]:
    return orjson.loads(record.value or b"")


async def test_what_lives_is_told_at_its_version_between_marks_on_every_partition(house: Lending) -> None:
    emma, persuasion, gone = await house.add("Emma", "Persuasion", "Gone")
    await house.retitle(emma, "Emma, again")
    await house.remove(gone)
    async with running(house.relay()):
        id = await house.republish()
        await house.published()
    records = house.told()
    snapshots = [record for record in records if headers(record)["ce_type"] == "book.snapshot.v1"]
    assert {
        headers(record)["ce_subject"]: (headers(record)["ce_sequence"], value(record)) for record in snapshots
    } == {
        f"books/{emma}": ("2", {"data": {"id": str(emma), "title": "Emma, again", "pages": None}, "changed": None}),
        f"books/{persuasion}": (
            "1",
            {"data": {"id": str(persuasion), "title": "Persuasion", "pages": None}, "changed": None},
        ),
    }  # fmt: skip
    marks = [record for record in records if headers(record)["ce_type"].startswith("republish.")]
    told = {"id": str(id), "epoch": 1, "aggregates": ["book"], "complete": True}
    assert [value(record)["data"] for record in marks] == [told] * 2 * PARTITIONS
    for partition in range(PARTITIONS):
        kinds = [headers(record)["ce_type"] for record in records if record.partition == partition]
        start, end = kinds.index("republish.started.v1"), kinds.index("republish.finished.v1")
        inside = kinds[start + 1 : end]
        assert set(inside) <= {"book.snapshot.v1"}
        assert kinds.count("book.snapshot.v1") == len(inside)


async def test_a_republish_of_one_kind_says_that_it_is_not_all(house: Lending) -> None:
    await house.add("Emma")
    await house.ask("account")
    await work_off(house.worker())
    states = await scalar(
        house.owner, "SELECT json_agg(state ORDER BY id) FROM journal WHERE aggregate = 'republish'"
    )
    assert [(state["aggregates"], state["complete"]) for state in states] == [([], False)] * 2


async def killed_in_batch(house: Lending, number: int) -> None:
    """A worker that is killed while the statement of that batch is under way."""
    left = itertools.count(number - 1, -1)

    def heard(statement: str) -> None:
        if "INSERT INTO journal" in statement and "snapshot" in statement and next(left) == 0:
            killed.cancel()

    async with library.database(house.owner_url, heard) as db:
        killed = asyncio.create_task(replace(house, owner=db).worker().run(asyncio.Event()))
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(killed, 30)


async def test_a_killed_republish_is_gone_on_with_and_tells_each_row_once(
    house: Lending,
) -> None:
    house.batch = 2
    ids = await house.add(*(f"Volume {number}" for number in range(41)))
    await house.ask()

    for batches in (3, 4):
        await killed_in_batch(house, batches)
    told = await scalar(house.owner, "SELECT count(*) FROM journal WHERE type = 'book.snapshot'")
    assert 0 < told < len(ids)
    async with running(house.worker()):

        async def finished() -> bool:
            return await scalar(house.owner, "SELECT state FROM job") == "DONE"

        await until(finished)
    query = (
        "SELECT json_object_agg(type, rows) FROM (SELECT type, count(*) AS rows FROM journal GROUP BY type) t"
    )
    assert await scalar(house.owner, query) == {
        "book.created": 41,
        "book.snapshot": 41,
        "republish.started": 1,
        "republish.finished": 1,
    }


async def test_the_start_mark_has_its_position_before_the_first_row_is_looked_at(house: Lending) -> None:
    await house.add("Emma")
    await house.republish()
    query = """SELECT o.position < min(s.id) FROM journal m JOIN journal_order o ON o.journal_id = m.id, journal s
      WHERE m.type = 'republish.started' AND s.type = 'book.snapshot' GROUP BY o.position"""
    assert await scalar(house.owner, query), "it was numbered when the snapshot was written"


async def test_a_republish_waits_for_the_relay_to_catch_up(house: Lending) -> None:
    await house.add("Emma")
    async with house.owner.connect() as session:
        await session.execute(
            """WITH entry AS (
              INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
              SELECT 'book.updated', 'book', uuidv7(), n, uuidv7(), 'x', '{"title": "x", "pages": 1}'
              FROM generate_series(1, %s) n RETURNING id, recorded_at
            ) INSERT INTO journal_queue SELECT id, recorded_at FROM entry""",
            [BACKLOG],
        )
    await house.ask()
    async with running(house.worker()):
        await asyncio.sleep(1)
        assert await scalar(house.owner, "SELECT count(*) FROM journal WHERE type LIKE '%snapshot'") == 0
        async with running(house.relay()):

            async def told() -> bool:
                return await scalar(house.owner, "SELECT state FROM job") == "DONE"

            await until(told)


async def test_writes_go_on_and_the_reader_ends_with_what_there_is(
    house: Lending,
) -> None:
    house.batch = 5
    ids = await house.add(*(f"Volume {number}" for number in range(60)))
    done = asyncio.Event()

    async def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            await house.retitle(ids[number * 7 % len(ids)], f"Edition {number}")
            if number % 5 == 0:
                [born] = await house.add(f"Born {number}")
                if number % 10 == 0:
                    await house.remove(born)

    async with running(house.relay(), house.consumer()):
        writing = asyncio.create_task(write())
        for _ in range(3):
            await house.republish()
        done.set()
        await writing
        await house.agree()


async def test_a_reader_that_starts_when_the_topic_has_forgotten_ends_like_one_from_the_start(
    house: Lending, database_url: DatabaseUrl
) -> None:
    ids = await house.add(*(f"Volume {number}" for number in range(30)))
    async with running(house.relay(), house.consumer()):
        for number, id in enumerate(ids[::3]):
            await house.retitle(id, f"Second edition {number}")
        for id in ids[1::6]:
            await house.remove(id)
        await house.agree()
        await house.published()
        house.forget_topic()
        await house.republish()
        await house.retitle(ids[0], "After the republish")
        await house.agree()
    async with (
        library.database(database_url("late", prepare_reader)) as late,
        running(house.relay(), house.consumer("late-" + house.reader_name, late)),
    ):

        async def same() -> bool:
            return await house.copies(late) == await house.copies()

        await until(same)
    assert len(await house.copies()) == 25


async def test_a_republish_is_due_when_the_last_is_old_enough_and_is_asked_for_once(house: Lending) -> None:
    schedules = [Schedule(house.owner, 7), Schedule(house.owner, 7)]
    assert await schedules[0].look() is None, "there is nothing to tell"
    await house.add("Emma")
    assert await schedules[0].look() is None, "the journal is young"
    async with house.owner.connect() as session:
        await session.execute("UPDATE journal SET recorded_at = now() - interval '8 days'")
    asked = await asyncio.gather(*(schedule.look() for schedule in schedules))
    assert len([id for id in asked if id]) == 1
    assert await scalar(house.owner, "SELECT count(*) FROM job") == 1
    async with house.owner.connect() as session:
        await session.execute("UPDATE job SET created_at = now() - interval '8 days', state = 'DONE'")
    assert await schedules[1].look() is not None


async def test_no_schedule_asks_for_nothing(house: Lending) -> None:
    await house.add("Emma")
    async with house.owner.connect() as session:
        await session.execute("UPDATE journal SET recorded_at = now() - interval '800 days'")
    async with running(Schedule(house.owner, 0, every=0.05)):
        await asyncio.sleep(0.3)
    assert await scalar(house.owner, "SELECT count(*) FROM job") == 0
