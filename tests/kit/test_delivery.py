"""Delivery: one batch to the handlers it is for, by whoever still owns the partitions."""

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

from services.kit.db import Database, Session
from services.kit.delivery import Delivery, Displaced, grouped
from services.kit.envelope import Undecodable
from services.kit.events import Event
from services.kit.handlers import Handler, Handlers
from services.kit.outages import is_outage
from services.kit.sorting import Place, Received, Slice
from tests.kit.backbone import copies, fold


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
