"""The clients: what they refuse, what they promise, and what an abandoned producer leaves behind."""

import secrets
import threading
from collections.abc import Iterator, Sequence

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError, NoOffsetForPartitionError
from kafka.producer.future import FutureRecordMetadata

from services.kit.kafka import (
    ROUND_BYTES,
    NotAcknowledged,
    Record,
    RoundProducer,
    connect_admin,
    connect_consumer,
    end_offsets,
    partition_of,
    reachable,
)
from tests.kit.backbone import PARTITIONS, Backbone


@pytest.fixture
def producer(backbone: Backbone) -> Iterator[RoundProducer]:
    made = RoundProducer(backbone.bootstrap, client_id="tests")
    yield made
    made.close()


def records(topic: str, count: int, value: bytes = b"{}") -> list[Record]:
    return [
        Record(topic, b"key-%d" % (number % 7), value, [("n", b"%d" % number)]) for number in range(count)
    ]


def test_a_round_is_there_when_send_returns_each_key_in_order(
    backbone: Backbone, producer: RoundProducer
) -> None:
    producer.send(records(backbone.topic, 500), timeout=10)
    found = backbone.read()
    assert len(found) == 500
    for key in {record.key for record in found}:
        numbers = [int(record.headers[0][1] or b"") for record in found if record.key == key]
        assert numbers == sorted(numbers)


def test_a_key_goes_where_every_kafka_client_would_send_it(
    backbone: Backbone, producer: RoundProducer
) -> None:
    producer.send(records(backbone.topic, 7), timeout=10)
    assert {(record.key, record.partition) for record in backbone.read()} == {
        (b"key-%d" % number, partition_of(b"key-%d" % number, PARTITIONS)) for number in range(7)
    }
    # As Java's clients have it, for a key of theirs.
    assert partition_of(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000


def test_a_round_beyond_its_size_is_refused_whole(backbone: Backbone, producer: RoundProducer) -> None:
    with pytest.raises(ValueError, match="bytes"):
        producer.send(records(backbone.topic, 9, b"x" * (ROUND_BYTES // 8)), timeout=10)
    assert end_offsets(backbone.bootstrap, [backbone.topic])[TopicPartition(backbone.topic, 0)] == 0


class CountingProducer(RoundProducer):
    """Knows in how many batches the last round travelled."""

    batches = 0

    def _append(self, records: Sequence[Record]) -> list[FutureRecordMetadata]:
        futures = super()._append(records)
        self.batches = len({id(future._produce_future) for future in futures})  # pyright: ignore[reportPrivateUsage]
        return futures


@pytest.mark.parametrize(("keys", "value"), [(1, b"x" * 90_000), (1, b"x"), (50, b"x" * 10_000), (50, b"x")])
def test_the_share_of_a_partition_is_one_batch(backbone: Backbone, keys: int, value: bytes) -> None:
    producer = CountingProducer(backbone.bootstrap, client_id="tests")
    each = Record(backbone.topic, b"key-0", value, []).size
    count = min(ROUND_BYTES // each, 5_000)
    producer.send(
        [Record(backbone.topic, b"key-%d" % (n % keys), value, []) for n in range(count)], timeout=10
    )
    producer.close()
    assert producer.batches == min(keys, PARTITIONS)


def test_no_topic_is_made_by_sending_to_it_or_reading_it(backbone: Backbone) -> None:
    name = f"misspelt-{secrets.token_hex(4)}"
    producer = RoundProducer(backbone.bootstrap, client_id="tests", connect_seconds=2)
    with pytest.raises(NotAcknowledged):
        producer.send(records(name, 1), timeout=2)
    producer.abandon()
    kafka = connect_consumer(backbone.bootstrap, group=None, client_id="tests")
    kafka.subscribe([name])
    assert kafka.poll(timeout_ms=500) == {}
    kafka.close()
    admin = connect_admin(backbone.bootstrap, client_id="tests")
    assert name not in admin.list_topics()
    admin.close()


def test_an_abandoned_producer_leaves_no_thread_and_sends_nothing_more(backbone: Backbone) -> None:
    before = set(threading.enumerate())
    producer = RoundProducer(backbone.bootstrap, client_id="tests", connect_seconds=1)
    with pytest.raises(NotAcknowledged):
        producer.send(records("no-such-topic", 1), timeout=1)
    producer.abandon()
    producer.abandon()
    assert set(threading.enumerate()) <= before
    with pytest.raises(NotAcknowledged):
        producer.send(records(backbone.topic, 1), timeout=1)
    assert backbone.read() == []


def test_a_consumer_starts_nowhere_of_its_own_accord(backbone: Backbone) -> None:
    kafka = connect_consumer(backbone.bootstrap, group=secrets.token_hex(4), client_id="tests")
    kafka.assign([TopicPartition(backbone.topic, 0)])
    with pytest.raises(NoOffsetForPartitionError):
        kafka.poll(timeout_ms=5_000)
    kafka.close()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.usefixtures("broken_connections")
def test_without_a_broker_a_client_raises_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with pytest.raises((KafkaError, OSError)):
        RoundProducer("127.0.0.1:1", client_id="tests", connect_seconds=0.5)
    with pytest.raises((KafkaError, OSError)):
        connect_consumer("127.0.0.1:1", group=None, client_id="tests", connect_seconds=0.5)
    assert set(threading.enumerate()) <= before


def test_ends_are_known_of_topics_that_exist(backbone: Backbone, producer: RoundProducer) -> None:
    producer.send(records(backbone.topic, 10), timeout=10)
    ends = end_offsets(backbone.bootstrap, [backbone.topic, "no-such-topic"])
    assert sum(ends.values()) == 10
    assert {partition.topic for partition in ends} == {backbone.topic}
    assert len(ends) == PARTITIONS


async def test_a_broker_is_reachable_or_not(kafka_bootstrap: str) -> None:
    assert await reachable(f"127.0.0.1:1,{kafka_bootstrap}")
    assert not await reachable("127.0.0.1:1")
