"""Names of headers that are not UTF-8: kafka-python gives neither a record that has one nor what follows it.

Foothold writes none, but whoever may write to a topic can. Here the record is given, with U+FFFD in the name.
"""

from collections.abc import Iterator
from typing import SupportsIndex, overload

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords


class ReadsAnyName(KafkaConsumer):
    """A consumer that reads every record."""

    def __init__(self, **configs: object) -> None:
        super().__init__(**configs)
        self._fetcher.PartitionRecords = _PartitionRecords


class _Lenient(bytearray):
    """Bytes whose slices are decoded whatever they are."""

    @overload
    def __getitem__(self, at: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, at: slice, /) -> "_Lenient": ...
    def __getitem__(self, at: SupportsIndex | slice, /) -> "int | _Lenient":
        found = super().__getitem__(at)
        return found if isinstance(found, int) else _Lenient(found)

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


class _Batch(DefaultRecordBatch):
    def _read_msg(self) -> DefaultRecord:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:  # The batch has not moved on.
            self._buffer = _Lenient(self._buffer)
            return super()._read_msg()


class _Batches(MemoryRecords):
    def next_batch(self) -> DefaultRecordBatch | None:
        slice_, batch = self._next_slice, super().next_batch()
        return _Batch(slice_) if isinstance(batch, DefaultRecordBatch) else batch


class _PartitionRecords(Fetcher.PartitionRecords):
    def _unpack_records(
        self, tp: TopicPartition, records: MemoryRecords, *deserializers: object
    ) -> Iterator[ConsumerRecord]:
        return super()._unpack_records(tp, _Batches(records._buffer), *deserializers)  # noqa: SLF001
