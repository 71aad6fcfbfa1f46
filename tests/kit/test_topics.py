"""Topics as they were declared: one with another number of partitions is neither written nor read."""

import asyncio
from uuid import uuid4

import pytest

from services.kit.db import Database
from services.kit.topics import WrongTopic, declare, declared, require_declared
from tests.kit.backbone import PARTITIONS, Backbone, Change, journal, until
from tests.kit.test_consumer import copies, counted, fold, publish, running


async def say(backbone: Backbone, partitions: int) -> None:
    async with backbone.database() as db, db.connect() as session:
        await declare(session, {backbone.topic: partitions})


async def test_the_last_declaration_holds(backbone: Backbone, db: Database) -> None:
    await say(backbone, 7)
    await say(backbone, 8)
    async with db.connect() as session:
        assert await declared(session) == {backbone.topic: 8}


def test_what_is_not_declared_is_taken_as_it_is() -> None:
    require_declared("some.events", 4, {"other.events": 3})
    with pytest.raises(WrongTopic, match=r"other\.events has 4 partitions where 3 are declared"):
        require_declared("other.events", 4, {"other.events": 3})


async def test_a_topic_that_has_grown_is_not_written_to(backbone: Backbone, db: Database) -> None:
    await say(backbone, PARTITIONS - 1)
    async with db.transaction() as tx:
        await journal(tx, Change())
    relay = backbone.relay(db)
    async with running(relay):
        await until(lambda: asyncio.sleep(0, "where 2 are declared" in (relay.ready() or "")))
    assert backbone.read() == []
    await say(backbone, PARTITIONS)
    async with running(backbone.relay(db)):
        await until(lambda: asyncio.sleep(0, len(backbone.read()) == 1))


async def test_a_consumer_does_not_read_a_topic_that_has_grown(backbone: Backbone, db: Database) -> None:
    account = uuid4()
    await publish(backbone, db, Change(id=account))
    await say(backbone, PARTITIONS - 1)
    consumer = backbone.reader(db, {"account": fold})
    async with running(consumer):
        await until(lambda: asyncio.sleep(0, "where 2 are declared" in (consumer.ready() or "")))
        assert await copies(db) == {}
        await say(backbone, PARTITIONS)
        await counted(consumer, 1)
    assert await copies(db) == {account: ("Acme", 1, 1)}
