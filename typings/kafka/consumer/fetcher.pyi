from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition

class ConsumerRecord(NamedTuple):
    topic: str
    partition: int
    leader_epoch: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    serialized_header_size: int

class Fetcher:
    class PartitionRecords:
        def _unpack_records(
            self, tp: TopicPartition, records: MemoryRecords, *deserializers: object
        ) -> Iterator[ConsumerRecord]: ...
