from typing import Any

class ClusterMetadata:
    config: dict[str, Any]

class KafkaNetClient:
    cluster: ClusterMetadata
    def __init__(self, **configs: object) -> None: ...
    def close(self) -> None: ...
