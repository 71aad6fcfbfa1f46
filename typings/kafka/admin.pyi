from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from kafka.structs import OffsetAndTimestamp, TopicPartition

class OffsetSpec(IntEnum):
    LATEST = -1
    EARLIEST = -2

class NewTopic:
    def __init__(
        self,
        name: str,
        num_partitions: int = -1,
        replication_factor: int = -1,
        replica_assignments: Mapping[int, Sequence[int]] | None = None,
        topic_configs: Mapping[str, str] | None = None,
    ) -> None: ...

class ConfigResourceType(IntEnum):
    TOPIC = 2
    BROKER = 4

class ConfigResource:
    def __init__(
        self, resource_type: ConfigResourceType, name: str, configs: Mapping[str, str] | None = None
    ) -> None: ...

class KafkaAdminClient:
    def __init__(self, **configs: object) -> None: ...
    def close(self) -> None: ...
    def create_topics(
        self,
        new_topics: Sequence[str] | Sequence[NewTopic] | Mapping[str, Mapping[str, Any]],
        timeout_ms: int | None = None,
        validate_only: bool = False,
        raise_errors: bool = True,
        wait_for_metadata: bool = False,
    ) -> dict[str, Any]: ...
    def delete_topics(
        self, topics: Sequence[str], timeout_ms: int | None = None, raise_errors: bool = True
    ) -> dict[str, Any]: ...
    def delete_records(
        self, records_to_delete: Mapping[TopicPartition, int], timeout_ms: int | None = None
    ) -> dict[TopicPartition, Any]: ...
    def list_topics(self) -> list[str]: ...
    def describe_topics(self, topics: Sequence[str] | None = None) -> list[dict[str, Any]]: ...
    def describe_configs(
        self, config_resources: Sequence[ConfigResource], *, config_filter: str = "modified"
    ) -> Any: ...
    def list_partition_offsets(
        self,
        topic_partition_specs: Mapping[TopicPartition, OffsetSpec | int],
        *,
        timeout_ms: int | None = None,
    ) -> dict[TopicPartition, OffsetAndTimestamp]: ...
