"""Names of headers that are not UTF-8, which no producer of ours writes and any other can.

kafka-python takes such a record for a broken batch and gives neither it nor what follows, however often it is asked.
Here it is given with U+FFFD in the name, and is no event (`services.kit.envelope`).
"""

from collections.abc import Iterator
from typing import SupportsIndex, overload

from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition


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
        except UnicodeDecodeError:
            # The batch has not moved on. Reading leniently takes longer, so that others are read as ever.
            self._buffer = _Lenient(self._buffer)
            return super()._read_msg()


class _Batches(MemoryRecords):
    def next_batch(self) -> DefaultRecordBatch | None:
        slice_, batch = self._next_slice, super().next_batch()
        return _Batch(slice_) if isinstance(batch, DefaultRecordBatch) else batch


class PartitionRecords(Fetcher.PartitionRecords):
    """The records of one partition that a fetch brought, those with such names among them."""

    def _unpack_records(
        self, tp: TopicPartition, records: MemoryRecords, *deserializers: object
    ) -> Iterator[ConsumerRecord]:
        return super()._unpack_records(tp, _Batches(records._buffer), *deserializers)  # noqa: SLF001
