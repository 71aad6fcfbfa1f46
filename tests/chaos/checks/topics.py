"""Every journal row is on its topic at least once, as the journal tells it, and first appearances are in order.

The order is looked at by partition: consumers drop by it what they have, so what comes first on a partition has to have
the lower position, whatever its key. Records that the nemesis planted are left out.
"""

from collections.abc import Iterator, Mapping, Sequence

from kafka.consumer.fetcher import ConsumerRecord

from deploy.local.stack import service_of
from services.kit.envelope import Encoder
from services.kit.kafka import Record, partition_of
from tests.chaos.evidence import Entry, Evidence
from tests.chaos.finding import Finding
from tests.chaos.poison import MARK, PARTITIONS

Place = tuple[int, int]
"""A position on a partition."""


def check(evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Looks at every topic."""
    for held in evidence.values():
        told = [record for record in held.records if not planted(record)]
        yield from _all_told(held, told)
        yield from _in_order(told)


def planted(record: ConsumerRecord) -> bool:
    """Whether the nemesis has put it there."""
    return any(name == MARK for name, _ in record.headers)


def _all_told(held: Evidence, told: Sequence[ConsumerRecord]) -> Iterator[Finding]:
    encoder = Encoder(held.service, service_of(held.service).public)
    wanted = {
        place: (entry, record)
        for entry in held.entries
        if entry.row.position and (record := encoder.encode(entry.row)) is not None
        for place in _places(entry, record)
    }
    found: set[Place] = set()
    for record in told:
        place = (_position(record), record.partition)
        found.add(place)
        if place not in wanted:
            said = f"{record.topic} tells of position {place[0]} on partition {place[1]}, and no journal row is there"
            yield _finding(said, _subject(record))
        elif not _same(record, wanted[place][1]):
            said = f"{record.topic} tells position {place[0]} otherwise than the journal does"
            yield _finding(said, _subject(record), str(wanted[place][0].row.aggregate_id))
    for place in sorted(wanted.keys() - found):
        row = wanted[place][0].row
        yield _finding(f"{held.service} never told of position {place[0]}: {row.type}", str(row.aggregate_id))


def _places(entry: Entry, record: Record) -> list[Place]:
    """Where the entry is to be: on its key's partition, or on every one where it is told everywhere."""
    own = partition_of(record.key, PARTITIONS)
    return [(entry.row.position, n) for n in (range(PARTITIONS) if record.everywhere else (own,))]


def _same(record: ConsumerRecord, meant: Record) -> bool:
    told = (record.key, record.value, sorted(record.headers))
    return told == (meant.key, meant.value, sorted(meant.headers))


def _in_order(told: Sequence[ConsumerRecord]) -> Iterator[Finding]:
    last: dict[int, int] = {}
    seen: set[Place] = set()
    for record in told:
        position, partition = _position(record), record.partition
        if (position, partition) not in seen and position < last.get(partition, 0):
            said = f"{record.topic} tells first of position {last[partition]}, then of {position}"
            yield _finding(said, _subject(record))
        seen.add((position, partition))
        last[partition] = max(position, last.get(partition, 0))


def _position(record: ConsumerRecord) -> int:
    return int(dict(record.headers).get("ce_position") or b"0")


def _subject(record: ConsumerRecord) -> str:
    return (dict(record.headers).get("ce_subject") or b"").decode().rpartition("/")[2]


def _finding(what: str, *about: str) -> Finding:
    return Finding("topics", what, about)
