"""Reads the topics into the file: to their present end, or for ever.

No consumer group and no offsets of Kafka's: where we are is in the file, in the transaction that holds what we read.
"""

import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError

from .events import Event, Undecodable, decode
from .file import Batch, File, Partition
from .names import ReadsAnyName

TOPICS: Final = ("contacts.events", "opportunities.events", "activities.events")

_POLL_MS = 500
_PATIENCE = 60
"""Polls without a record, short of an end that is there, after which the broker is taken to be away."""


class CannotGoOn(Exception):
    """Why reading has to stop; its text says what to do."""


class Reader:
    """Reads `topics` into `file`. One reader a file; use it in `with connected(...)`."""

    def __init__(self, kafka: KafkaConsumer, file: File, topics: Sequence[str]) -> None:
        """Takes up every partition where the file is in it, or at its beginning. Raises CannotGoOn."""
        self._kafka = kafka
        self._file = file
        self._partitions = self._found(topics)
        self._kafka.assign(self._partitions)
        self._take_up()

    def read_to_end(self) -> None:
        """Reads what the topics hold now, and returns. Raises CannotGoOn."""
        ends = self._kafka.end_offsets(self._partitions)
        idle = 0
        while any((self._kafka.position(each) or 0) < end for each, end in ends.items()):
            idle = 0 if self.read() else idle + 1
            if idle > _PATIENCE:
                raise CannotGoOn(
                    "The broker has stopped answering; what was read is kept. Start again later."
                )

    def read(self) -> bool:
        """Reads what comes within a moment; says whether anything did. Raises CannotGoOn."""
        try:
            polled = self._kafka.poll(timeout_ms=_POLL_MS, max_records=2000)
        except (OffsetOutOfRangeError, LogTruncationError) as error:
            raise CannotGoOn(_anew(str(error))) from error
        batches = [
            Batch((place.topic, place.partition), [(record.offset, _decoded(record)) for record in records])
            for place, records in polled.items()
        ]
        self._file.take(batches)
        return bool(batches)

    def _found(self, topics: Sequence[str]) -> list[TopicPartition]:
        if missing := set(topics) - self._kafka.topics():
            raise CannotGoOn(f"There is no topic {', '.join(sorted(missing))}: is this Foothold's Kafka?")
        return [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(self._kafka.partitions_for_topic(topic))
        ]

    def _take_up(self) -> None:
        places = self._file.places()
        firsts = self._kafka.beginning_offsets(self._partitions)
        ends = self._kafka.end_offsets(self._partitions)
        if places and places.keys() != {_named(each) for each in self._partitions}:
            raise CannotGoOn(_anew("the topics have other partitions than they had"))
        if not places:
            self._file.begin({_named(each): first for each, first in firsts.items()})
            places = self._file.places()
        for each in self._partitions:
            offset = places[_named(each)].next_offset
            if not firsts[each] <= offset <= ends[each]:
                raise CannotGoOn(
                    _anew(f"{each.topic}/{each.partition} holds {firsts[each]} to {ends[each]}, not {offset}")
                )
            self._kafka.seek(each, offset)


@contextmanager
def connected(servers: str, file: File, topics: Sequence[str] = TOPICS) -> Generator[Reader]:
    """A reader from the brokers at `servers` (host:port, with commas between). Raises CannotGoOn."""
    if not any(map(_answers, servers.split(","))):
        raise CannotGoOn(f"No Kafka broker answers at {servers}: is the platform running?")
    try:
        kafka = ReadsAnyName(
            bootstrap_servers=servers.split(","),
            client_id="foothold-reporting",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            isolation_level="read_committed",
            bootstrap_timeout_ms=10_000,
        )
        try:
            yield Reader(kafka, file, topics)
        finally:
            kafka.close(autocommit=False)
    except KafkaError as error:
        raise CannotGoOn(f"Kafka at {servers}: {error}. What was read is kept; start again later.") from error


def _answers(server: str) -> bool:
    """Whether anybody listens there: kafka-python leaves a thread behind where nobody does."""
    host, _, port = server.strip().rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def _decoded(record: ConsumerRecord) -> Event | Undecodable:
    try:
        return decode(record.headers, record.value)
    except Undecodable as error:
        return error


def _named(partition: TopicPartition) -> Partition:
    return partition.topic, partition.partition


def _anew(why: str) -> str:
    return (
        f"The file cannot be continued: {why}. Delete it and start anew; where a topic no longer holds everything, "
        "run `foothold events republish SERVICE` first."
    )
