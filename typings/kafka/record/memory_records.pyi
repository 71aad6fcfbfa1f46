from kafka.record.default_records import DefaultRecordBatch

class MemoryRecords:
    _buffer: bytes
    _next_slice: memoryview
    def __init__(self, bytes_data: bytes) -> None: ...
    def next_batch(self) -> DefaultRecordBatch | None: ...
