"""Kafka clients with every default that matters said out loud.

kafka-python's own defaults suit neither the relay nor the consumers: they create topics that are misspelt,
commit offsets by the clock, start at the end of a topic and let records expire.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Self

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient
from kafka.partitioner.default import murmur2
from kafka.producer.future import FutureRecordMetadata
from kafka.structs import MemberState

from services.kit.header_names import PartitionRecords
from services.kit.topics import require_declared

SESSION_TIMEOUT: Final = 10.0
"""Seconds after which a silent consumer loses its partitions. Waits for locks (2 s) and idle transactions
(5 s) end before."""

MAX_POLL_INTERVAL: Final = 60.0
"""Seconds that one batch may take before its consumer is taken for stuck."""

ROUND_BYTES: Final = 800_000
"""What the records of one round may add up to (`Record.size`): see RoundProducer."""

_BATCH_BYTES = (
    1_000_000  # Above ROUND_BYTES with all overhead, below the broker's message.max.bytes (1,048,588).
)
_HOUR_MS = 60 * 60 * 1000
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is sent to a topic: `key` decides the partition, and with it the order; or it goes to every partition."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    everywhere: bool = False

    @property
    def size(self) -> int:
        """Bytes on the wire, rounded up."""
        headers = sum(len(name) + len(value) + 8 for name, value in self.headers)
        return len(self.key) + len(self.value or b"") + headers + 32


class NotAcknowledged(Exception):
    """A round was not acknowledged as a whole, in time; parts of it may be on the topic. Its text says
    why."""


class RoundProducer:
    """Sends rounds of records: all of a round is acknowledged by all in-sync replicas, or `send` raises.

    The records of a round for one partition travel in one batch, which the broker appends as a whole or not
    at all, and nothing more is sent before the round is acknowledged. Hence no record overtakes another of
    its partition, whatever fails, and whichever producers still have a round on its way: see
    `services.kit.publishing`.

    So that a partition's share is one batch, records linger until `flush`, and a round is at most
    ROUND_BYTES. So that the client never gives one up by itself and goes on with the next, no record
    expires; whoever has waited too long calls `abandon`. Methods block and belong in a thread, one at a
    time, but for `abandon`.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        client_id: str,
        declared: Mapping[str, int] = MappingProxyType({}),
        connect_seconds: float = _CONNECT_SECONDS,
    ) -> None:
        """Connects. Raises KafkaError when no broker answers within `connect_seconds`.

        `declared` are the numbers of partitions of topics; one that has another number is not written to.
        """
        self._declared = declared
        self._producer = _Producer(
            bootstrap_servers=bootstrap_servers.split(","),
            client_id=client_id,
            enable_idempotence=True,
            acks="all",
            linger_ms=_HOUR_MS,
            batch_size=_BATCH_BYTES,
            delivery_timeout_ms=24 * _HOUR_MS,
            request_timeout_ms=10_000,
            max_block_ms=int(connect_seconds * 1000),
            bootstrap_timeout_ms=int(connect_seconds * 1000),
            reconnect_backoff_max_ms=1_000,
            metadata_max_age_ms=60_000,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )

    def send(self, records: Sequence[Record], *, timeout: float) -> None:
        """Sends one round and waits for its acknowledgement, `timeout` seconds a partition at the most.

        Raises NotAcknowledged; the producer is of no more use then: `abandon` it. Raises ValueError for a
        round beyond ROUND_BYTES, and WrongTopic, of which nothing was sent.
        """
        if sum(record.size for record in records) > ROUND_BYTES and len(records) > 1:
            raise ValueError(f"a round of more than {ROUND_BYTES} bytes")
        try:
            futures = self._append(records)
            self._producer.flush(timeout)
        except (KafkaError, ValueError, RuntimeError) as error:
            raise NotAcknowledged(_sentence(error)) from error
        for future in futures:
            if not future.succeeded():
                raise NotAcknowledged(_sentence(future.exception))

    def _append(self, records: Sequence[Record]) -> list[FutureRecordMetadata]:
        counts = {
            topic: len(self._producer.partitions_for(topic)) for topic in {one.topic for one in records}
        }
        for topic, partitions in counts.items():
            require_declared(topic, partitions, self._declared)
        return [
            self._producer.send(
                one.topic,
                one.value,
                key=one.key,
                headers=list(one.headers),
                partition=partition,
            )
            for one in records
            for partition in _partitions(one, counts[one.topic])
        ]

    def abandon(self) -> None:
        """Gives up what is on its way without sending it again, and ends the client's thread.

        May be called while another thread waits in `send`, which raises then. Blocks for a moment, never
        raises.
        """
        self._producer.abandon()

    def close(self) -> None:
        """Ends an idle producer. Blocks for at most 5 s, never raises."""
        with suppress(KafkaError):
            self._producer.close(timeout=5)


class _Client:
    """Makes the network client of a producer or consumer, so that it can be closed if nothing comes of those.

    Their constructors leave sockets and threads behind when they find no broker. No client makes topics.
    """

    def __init__(self) -> None:
        self._made: list[KafkaNetClient] = []

    def __call__(self, **configs: object) -> KafkaNetClient:
        client = KafkaNetClient(**configs)
        # kafka-python loses this setting on its way to where topics are asked for.
        client.cluster.config["allow_auto_create_topics"] = False
        self._made.append(client)
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        for client in self._made if failed else ():
            client.close()


class _Producer(KafkaProducer):
    def __init__(self, **configs: object) -> None:
        with _Client() as client:
            super().__init__(kafka_client=client, **configs)

    def abandon(self) -> None:
        # close(0) flushes first, raises because that takes longer, and leaves a thread which sends for ever.
        # A sender that was told to fail what it holds leaves close nothing to flush.
        self._sender.force_close()
        with suppress(KafkaError):
            self.close(timeout=5)


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among `partitions`: as every Kafka client decides by default."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _partitions(record: Record, count: int) -> Iterable[int]:
    return range(count) if record.everywhere else (partition_of(record.key, count),)


class GroupConsumer(KafkaConsumer):
    """A consumer that does not lose its place in the group, knows whether it has one, and reads every record.

    kafka-python forgets a rebalance which began because the metadata changed, if the time of `poll` is up in the
    middle of it: without this, such a consumer would be given nothing any more. What else it cannot read is told in
    `services.kit.header_names`.
    """

    def __init__(self, **configs: object) -> None:
        super().__init__(**configs)
        self._fetcher.PartitionRecords = PartitionRecords

    @property
    def settled(self) -> bool:
        """Whether the group is stable and we are in it."""
        return self._coordinator.state is MemberState.STABLE

    def poll(
        self, timeout_ms: int = 0, max_records: int | None = None, update_offsets: bool = True
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Records of the partitions that are ours, as KafkaConsumer gives them."""
        if self._coordinator.rebalance_in_progress():
            self._coordinator.request_rejoin()
        return super().poll(timeout_ms, max_records, update_offsets)


def connect_consumer(
    bootstrap_servers: str,
    *,
    group: str | None,
    client_id: str,
    records: int = 1000,
    connect_seconds: float = _CONNECT_SECONDS,
) -> GroupConsumer:
    """A consumer that never commits by itself, never makes a topic, and starts nowhere of its own accord.

    Whoever uses it seeks: a partition without a position, or with one out of range, raises from `poll`. A
    poll gives at most `records`. Blocks; raises KafkaError when no broker answers within `connect_seconds`.
    """
    with _Client() as client:
        return GroupConsumer(
            kafka_client=client,
            bootstrap_servers=bootstrap_servers.split(","),
            group_id=group,
            client_id=client_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            max_poll_records=records,
            max_poll_interval_ms=int(MAX_POLL_INTERVAL * 1000),
            session_timeout_ms=int(SESSION_TIMEOUT * 1000),
            heartbeat_interval_ms=int(SESSION_TIMEOUT * 1000 / 4),
            fetch_max_wait_ms=1_000,
            fetch_min_bytes=1,
            request_timeout_ms=15_000,
            bootstrap_timeout_ms=int(connect_seconds * 1000),
            reconnect_backoff_max_ms=1_000,
            metadata_max_age_ms=60_000,
            isolation_level="read_committed",
            metrics_enabled=False,
        )


def connect_admin(bootstrap_servers: str, *, client_id: str) -> KafkaAdminClient:
    """A client for topics and offsets. Blocks; raises KafkaError when no broker answers within 10 s."""
    with _Client() as client:
        return KafkaAdminClient(
            kafka_client=client,
            bootstrap_servers=bootstrap_servers.split(","),
            client_id=client_id,
            request_timeout_ms=int(_CONNECT_SECONDS * 1000),
            bootstrap_timeout_ms=int(_CONNECT_SECONDS * 1000),
            reconnect_backoff_max_ms=1_000,
        )


def end_offsets(bootstrap_servers: str, topics: Iterable[str]) -> Mapping[TopicPartition, int]:
    """Where each partition of the topics ends: the offset that its next record will get.

    Topics that do not exist are left out. Blocks; raises KafkaError when no broker answers within 10 s.
    """
    [ends] = _offsets(bootstrap_servers, topics, OffsetSpec.LATEST)
    return ends


def ranges(bootstrap_servers: str, topics: Iterable[str]) -> Mapping[TopicPartition, tuple[int, int]]:
    """Where each partition of the topics begins and ends: its oldest record, and the next; else as `end_offsets`."""
    begins, ends = _offsets(bootstrap_servers, topics, OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    return {partition: (begins[partition], end) for partition, end in ends.items()}


def _offsets(
    bootstrap_servers: str, topics: Iterable[str], *specs: OffsetSpec
) -> list[Mapping[TopicPartition, int]]:
    admin = connect_admin(bootstrap_servers, client_id="offsets")
    try:
        described = admin.describe_topics(sorted(set(topics) & set(admin.list_topics())))
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in described
            for partition in topic["partitions"]
        ]
        if not partitions:
            return [{} for _ in specs]
        found = [admin.list_partition_offsets(dict.fromkeys(partitions, spec)) for spec in specs]
        return [{place: one.offset for place, one in each.items()} for each in found]
    finally:
        admin.close()


def last_records(bootstrap_servers: str, topic: str, count: int) -> list[ConsumerRecord]:
    """The last records of each partition of the topic, at most so many; else as `end_offsets`."""
    found_at = ranges(bootstrap_servers, [topic])
    ends = {tp: end for tp, (_, end) in found_at.items()}
    wanted = {tp: max(begin, end - count) for tp, (begin, end) in found_at.items() if end > begin}
    if not wanted:
        return []
    kafka = connect_consumer(bootstrap_servers, group=None, client_id="last-records")
    try:
        kafka.assign(list(wanted))
        for partition, offset in wanted.items():
            kafka.seek(partition, offset)
        found: list[ConsumerRecord] = []
        while any((kafka.position(partition) or 0) < ends[partition] for partition in wanted):
            found += [record for records in kafka.poll(timeout_ms=500).values() for record in records]
        return found
    finally:
        kafka.close(autocommit=False)


async def reachable(bootstrap_servers: str, *, seconds: float = 2.0) -> bool:
    """Whether any of the servers accepts a connection within `seconds`. Never raises."""
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return True
    return False


def _sentence(error: BaseException | None) -> str:
    if isinstance(error, KafkaTimeoutError):
        return f"the broker does not answer ({error})"
    return f"{type(error).__name__}: {error}" if error else "no acknowledgement came"
