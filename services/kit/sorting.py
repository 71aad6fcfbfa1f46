"""Sorting: what a poll gave, told apart before anything is done about it.

There is what is to handle, what was handled before, what nobody listens to, what is no event at all or is told on a
topic that is another's; and the marks of a republish, at which a batch ends, so that what follows a mark is handled
after it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from services.kit.deadletters import Dead
from services.kit.envelope import Undecodable, decode, wire_type
from services.kit.events import MARKS, Event, topic_of
from services.kit.handlers import Batch, Handler, Handlers

Polled = Mapping[TopicPartition, Sequence[ConsumerRecord]]

_MARKS = frozenset(f"{type_}.v{MARKS.version}" for type_ in MARKS.types)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a consumer stands in a partition: the offset that comes next, the last position handled."""

    next_offset: int
    last_position: int


@dataclass(frozen=True, slots=True)
class Received:
    """An event, the record it came in, and who handles it."""

    event: Event
    record: ConsumerRecord
    handler: Handler | Batch


@dataclass(frozen=True, slots=True)
class Slice:
    """What a batch holds of one partition, from one place to the next; where it ends with one, a republish's mark."""

    partition: TopicPartition
    before: Place
    after: Place
    received: tuple[Received, ...]
    mark: Event | None = None


@dataclass(slots=True)
class Sorted:
    """What is to be done about records, and those that come after a mark: they are sorted later."""

    slices: list[Slice] = field(default_factory=list[Slice])
    dead: list[Dead] = field(default_factory=list[Dead])
    ignored: Counter[str] = field(default_factory=Counter[str])
    repeated: int = 0
    rest: dict[TopicPartition, Sequence[ConsumerRecord]] = field(
        default_factory=dict[TopicPartition, Sequence[ConsumerRecord]]
    )


def sort(polled: Polled, places: Mapping[TopicPartition, Place], handlers: Handlers) -> Sorted:
    """Sorts records of the partitions in which we have our places; others come again once they have theirs."""
    sorted_ = Sorted()
    for partition, records in polled.items():
        if place := places.get(partition):
            _sort_one(sorted_, partition, records, place, handlers)
    return sorted_


def _sort_one(
    sorted_: Sorted,
    partition: TopicPartition,
    records: Sequence[ConsumerRecord],
    place: Place,
    handlers: Handlers,
) -> None:
    last = place.last_position
    received: list[Received] = []
    mark: Event | None = None
    for number, record in enumerate(records, start=1):
        found = _read(sorted_, record, handlers)
        event = found.event if isinstance(found, Received) else found
        if event is None:
            continue
        if event.position <= last:
            sorted_.repeated += 1
            continue
        last = event.position
        if isinstance(found, Received):
            received.append(found)
            continue
        mark = event
        if rest := records[number:]:
            sorted_.rest[partition] = rest
        records = records[:number]
        break
    after = Place(records[-1].offset + 1, last)
    sorted_.slices.append(Slice(partition, place, after, tuple(received), mark))


def _read(sorted_: Sorted, record: ConsumerRecord, handlers: Handlers) -> Received | Event | None:
    """What the record holds: an event that somebody handles, or a mark."""
    try:
        type_ = wire_type(record.headers)
        handler = handlers.find(type_)
        if handler is None and type_ not in _MARKS:
            sorted_.ignored[type_] += 1
            return None
        event = decode(record.key, record.headers, record.value)
        if topic_of(event.source) != record.topic:
            raise Undecodable(f"the header ce_source cannot be {event.source[:100]!r} on {record.topic}")
        return event if handler is None else Received(event, record, handler)
    except Undecodable as error:
        sorted_.dead.append(Dead(record, str(error)))
        return None
