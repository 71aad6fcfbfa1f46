"""The assignment: which partitions the group has given to a consumer, and where it stands in each."""

from collections.abc import Collection, Mapping

from kafka import ConsumerRebalanceListener, TopicPartition

from services.kit.kafka import GroupConsumer
from services.kit.sorting import Place


class Assignment(ConsumerRebalanceListener):
    """The partitions that the group has given to us, and our place in each. New ones rest until they have
    theirs.

    kafka-python calls back inside `poll`, in a thread of its own, while we wait for `poll`.
    """

    def __init__(self, kafka: GroupConsumer | None = None) -> None:
        self._kafka = kafka
        self.joined = False
        self.unplaced: set[TopicPartition] = set()
        self.places: dict[TopicPartition, Place] = {}

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self.joined = True
        self.places.clear()
        self.unplaced = set(assigned)
        self._rest()

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self.unplaced -= set(revoked)
        for partition in revoked:
            self.places.pop(partition, None)

    def forget(self) -> None:
        """Lets every partition rest until its place is read anew."""
        self.unplaced |= self.places.keys()
        self.places.clear()
        self._rest()

    def place(self, places: Mapping[TopicPartition, Place]) -> None:
        """Goes on from these places."""
        if self._kafka is not None:
            for partition, place in places.items():
                self._kafka.seek(partition, place.next_offset)
            self._kafka.resume(*places)
        self.places.update(places)
        self.unplaced -= places.keys()

    def _rest(self) -> None:
        if self._kafka is not None:
            for partition in self.unplaced:
                # Some position, or the client would look for one among Kafka's offsets.
                self._kafka.seek(partition, 0)
            self._kafka.pause(*self.unplaced)
