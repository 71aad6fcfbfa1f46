"""What a service's database says of its events: how far its relay is behind, where its consumer stands, what is set
aside, which jobs failed, which copies are being made anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from kafka import TopicPartition

from services.kit.db import Session
from services.kit.relay import Backlog, backlog


@dataclass(frozen=True)
class Jobs:
    """Jobs by state; those that are done are of no concern."""

    queued: int
    running: int
    failed: int


@dataclass(frozen=True)
class Figures:
    """One look at the database. `places` are the consumer's next offsets, `discarded` records that were given up.

    Of `rebuilds` the oldest was asked for so many seconds ago.
    """

    backlog: Backlog
    places: Mapping[TopicPartition, int]
    parked_keys: int
    parked_records: int
    discarded: int
    jobs: Jobs
    rebuilds: int
    rebuild_seconds: float

    def lag(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Records that the consumer has yet to read, of each partition of the topics that it has begun with."""
        begun = {place.topic for place in self.places}
        return {place: end - self.places.get(place, 0) for place, end in ends.items() if place.topic in begun}


async def figures(session: Session, consumer: str) -> Figures:
    """Three statements. Raises psycopg.Error."""
    behind = await backlog(session)
    found = await session.execute(_PLACES, {"consumer": consumer})
    places = {TopicPartition(topic, partition): offset async for topic, partition, offset in found}
    counted = await (await session.execute(_COUNTS)).fetchone()
    assert counted is not None, "counts always are one row"
    keys, records, discarded, rebuilds, seconds, *jobs = counted
    return Figures(behind, places, keys, records, discarded, Jobs(*jobs), rebuilds, seconds)


_PLACES: LiteralString = """
SELECT topic, partition, next_offset FROM consumer_position WHERE consumer = %(consumer)s
"""
_COUNTS: LiteralString = """
SELECT (SELECT count(*) FROM parked_key), (SELECT count(*) FROM parked_record),
       (SELECT count(*) FROM parked_discarded), (SELECT count(*) FROM rebuild WHERE swept_at IS NULL),
       (SELECT coalesce(extract(epoch FROM now() - min(asked_at)), 0)::float FROM rebuild WHERE swept_at IS NULL),
       count(*) FILTER (WHERE state = 'QUEUED'),
       count(*) FILTER (WHERE state = 'RUNNING'), count(*) FILTER (WHERE state = 'FAILED')
FROM job
"""
