from collections.abc import Sequence
from threading import Thread
from typing import NamedTuple

from kafka.future import Future
from kafka.structs import TopicPartition

class RecordMetadata(NamedTuple):
    topic: str
    partition: int
    topic_partition: TopicPartition
    offset: int
    timestamp: int
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    serialized_header_size: int

class FutureRecordMetadata(Future[RecordMetadata]):
    def get(self, timeout: float | None = None) -> RecordMetadata: ...

class Sender(Thread):
    def force_close(self) -> None: ...

class KafkaProducer:
    _sender: Sender
    def __init__(self, **configs: object) -> None: ...
    def partitions_for(self, topic: str) -> set[int]: ...
    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> FutureRecordMetadata: ...
    def flush(self, timeout: float | None = None) -> None: ...
    def close(self, timeout: float | None = None) -> None: ...
