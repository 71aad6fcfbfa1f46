"""A topic made anew with more partitions: nobody misses anything, and nothing is done while somebody is behind."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.growing import Generation
from deploy.local.problems import StackProblem
from deploy.local.topics import Topic
from services.kit.kafka import end_offsets
from services.kit.numbering import dedicated
from services.kit.publishing import take_lock
from tests.conftest import DatabaseUrl
from tests.kit import library
from tests.kit.backbone import PARTITIONS, Backbone, prepare, running, until
from tests.kit.lending import Lending, lending, prepare_reader

MORE = PARTITIONS + 4


@pytest.fixture
async def house(kafka_bootstrap: str, database_url: DatabaseUrl) -> AsyncIterator[Lending]:
    """A producer and a consumer of books."""
    backbone = Backbone(database_url("backbone", prepare), kafka_bootstrap)
    backbone.make_topics()
    owner, reader = database_url("owner", library.prepare), database_url("reader", prepare_reader)
    async with lending(backbone, owner, reader) as made:
        yield made
    backbone.drop_topics()


def generation(house: Lending, said: list[str]) -> Generation:
    topic = Topic(house.topic, MORE, 1, {})
    databases = {"owner": house.owner, house.reader_name: house.reader}
    return Generation(topic, house.backbone.bootstrap, databases, [house.reader_name], said.append)


async def test_a_topic_begins_anew_with_more_partitions_and_nothing_is_missed(house: Lending) -> None:
    ids = await house.add(*(f"Volume {number}" for number in range(40)))
    async with running(house.relay(), house.consumer()):
        await house.agree()
        await house.published()
    for id in ids[:10]:
        await house.retitle(id, "Written while nobody publishes")
    said: list[str] = []
    for _ in range(2):  # The second time there is nothing left to do.
        await generation(house, said).make()
    assert said == [f"{house.topic} with {PARTITIONS} partitions is gone."]
    async with running(house.relay(), house.consumer(), house.worker()):
        await house.agree()
        await house.ask()
        await house.retitle(ids[20], "Written afterwards")
        await house.agree()
        await house.published()
    ends = end_offsets(house.backbone.bootstrap, [house.topic])
    assert len(ends) == MORE
    assert all(ends.values()), "every partition has a share, be it the marks"


async def test_a_reader_that_is_behind_keeps_the_topic(house: Lending) -> None:
    await house.add("Emma", "Persuasion")
    async with running(house.relay()):
        await house.published()
    with pytest.raises(StackProblem, match=f"{house.reader_name} has yet to read 2 records of {house.topic}"):
        await generation(house, []).make()
    assert sum(end_offsets(house.backbone.bootstrap, [house.topic]).values()) == 2


async def test_who_publishes_is_found_out(house: Lending) -> None:
    relay = house.relay()
    async with running(relay), await dedicated(house.owner_url, "tests") as session:

        async def leads() -> bool:
            return relay.publisher.leads

        await until(leads)
        assert not await take_lock(session)
    async with await dedicated(house.owner_url, "tests") as session:
        assert await take_lock(session)
