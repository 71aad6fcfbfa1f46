from collections.abc import Sequence
from threading import Thread

from kafka.producer.future import FutureRecordMetadata

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
