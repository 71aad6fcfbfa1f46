from abc import ABC, abstractmethod
from collections.abc import Collection

from kafka.structs import TopicPartition

class ConsumerRebalanceListener(ABC):
    @abstractmethod
    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None: ...
    @abstractmethod
    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None: ...
    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None: ...
