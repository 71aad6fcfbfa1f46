"""Republishing: a service tells all that there is once more, as snapshots between two marks, while writes go on.

It is a job of the worker's, one at a time, gone on with after a kill. Snapshots are rows of the journal like all that
is told, written under the locks of what they show, at the version that it has; only the relay publishes.

**Why nothing is left out.** The start mark has its position before the first row is looked at. A row that is born
behind the walk's back was committed later, so that its own event has a later position; and the end mark is written when
the walk has seen all that was there. So whoever reads from one mark to the other in every partition has been told of
every row that lives.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg import sql
from psycopg.types.json import Jsonb

from services.kit import jobs, journal
from services.kit.aggregates import Aggregate
from services.kit.backoff import pause
from services.kit.db import Database, Session, execute, literal, one
from services.kit.events import FINISHED, MARKS, SNAPSHOT, STARTED
from services.kit.jobs import Claim, Job, Kind
from services.kit.journal import Cause
from services.kit.numbering import BATCH as BATCH_NUMBERED
from services.kit.numbering import number
from services.kit.relay import backlog

JOB: Final = "republish"

BATCH: Final = 500
"""Rows that one transaction locks and tells of."""

BACKLOG: Final = 5_000
"""Rows that may wait to be published when the next batch is written."""

_LOOK = 0.5  # Seconds between looks whether there is room.

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Point:
    """How far a republish has come: in which step, after which row of it, how many rows are told.

    Steps are the start mark, each aggregate, the end mark.
    """

    step: int = 0
    after: UUID | None = None
    told: int = 0

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "_Point":
        return cls(kept["step"], kept["after"] and UUID(kept["after"]), kept["told"]) if kept else cls()

    def kept(self) -> dict[str, Any]:
        return {"step": self.step, "after": self.after and str(self.after), "told": self.told}

    @property
    def next(self) -> "_Point":
        return _Point(self.step + 1, None, self.told)


async def submit(
    tx: Session, cause: Cause, aggregates: Sequence[str] = (), *, id: UUID | None = None
) -> UUID:
    """Asks for a republish of these aggregates, of all when none is named; gives its id."""
    return await jobs.submit(tx, JOB, cause, lane=JOB, argument={"aggregates": list(aggregates)}, id=id)


@dataclass(frozen=True)
class Progress:
    """How far a republish has come: aggregates told of, of how many, and rows; `state` and `error` are the job's."""

    state: str
    done: int
    total: int
    told: int
    error: str | None


async def progress(session: Session, id: UUID) -> Progress:
    """How far the republish has come. Raises LookupError where there is none of that id."""
    row = await one(session, _PROGRESS, {"id": id})
    if row is None:
        raise LookupError(f"no republish {id}")
    return Progress(*row)


def kind(aggregates: Sequence[Aggregate], *, batch: int = BATCH) -> Kind:
    """Republishing of a service that has these aggregates."""

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        return await _Republish(claim, db, aggregates, batch).run(stop)

    async def clear(_: Session, __: Job) -> None:
        """A republish keeps nothing beside its job."""

    return Kind(JOB, work, clear)


class _Republish:
    """One republish, from its point on. Each step of it is a transaction that moves the point."""

    def __init__(self, claim: Claim, db: Database, aggregates: Sequence[Aggregate], batch: int) -> None:
        wanted: Sequence[str] = claim.job.argument["aggregates"]
        self._claim = claim
        self._db = db
        self._batch = batch
        self._complete = not wanted
        self._aggregates = [each for each in aggregates if not wanted or each.name in wanted]
        self._point = _Point.of(claim.job.point)

    async def run(self, stop: asyncio.Event) -> bool:
        """Whether it is finished; False when it was stopped before."""
        last = len(self._aggregates) + 1
        if self._point.step > 0:
            await self._number()  # Whoever had this before us may have fallen with the mark just written.
        while self._point.step <= last:
            if not await self._room(stop):
                return False
            if self._point.step in (0, last):
                await self._mark(STARTED if self._point.step == 0 else FINISHED)
            else:
                await self._tell(self._aggregates[self._point.step - 1])
        log.info("republished", job=str(self._claim.job.id), rows=self._point.told)
        return True

    async def _room(self, stop: asyncio.Event) -> bool:
        """Waits until the relay has caught up with what was told; False where it was stopped instead."""
        while not stop.is_set():
            async with self._db.connect() as session:
                waiting = await backlog(session)
            if waiting.unnumbered + waiting.unpublished <= BACKLOG:
                return True
            await pause(stop, _LOOK)
        return False

    async def _mark(self, type_: str) -> None:
        state = {
            "id": str(self._claim.job.id),
            "aggregates": [each.name for each in self._aggregates],
            "complete": self._complete,
        }
        async with self._db.transaction() as tx:
            await self._claim.hold(tx)
            version = MARKS.types.index(type_) + 1
            meant = {"type": type_, "id": self._claim.job.id, "version": version, "state": Jsonb(state)}
            await execute(tx, _MARK, meant | journal.told(self._claim.job.cause))
            await self._reach(tx, self._point.next)
        await self._number()

    async def _number(self) -> None:
        """Gives a position to all that is committed: the mark's comes before that of whatever is written next."""
        rows = BATCH_NUMBERED
        while rows == BATCH_NUMBERED:
            rows, _ = await number(self._db)

    async def _tell(self, aggregate: Aggregate) -> None:
        meant = {"after": self._point.after or UUID(int=0), "limit": self._batch}
        async with self._db.transaction() as tx:
            await self._claim.hold(tx)
            statement = _snapshot_statement(aggregate)
            found = await one(tx, statement, meant | journal.told(self._claim.job.cause))
            assert found is not None
            rows, last = found
            point = self._point
            await self._reach(tx, _Point(point.step, last, point.told + rows) if rows else point.next)

    async def _reach(self, tx: Session, point: _Point) -> None:
        done = point.step - 1
        await self._claim.reach(
            tx, point.kept(), done=max(done, 0), total=len(self._aggregates), counts={"told": point.told}
        )
        self._point = point


_PROGRESS: LiteralString = """
SELECT state, done, total, coalesce((counts ->> 'told')::bigint, 0), error FROM job WHERE id = %(id)s::uuid"""
_MARK: LiteralString = """
WITH shown AS (
  SELECT %(id)s::uuid AS id, %(version)s::integer AS version,
         %(state)s::jsonb || jsonb_build_object('epoch', (SELECT max(epoch) FROM journal_epoch)) AS state
), entry AS (
  INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, request_id, traceparent, state)
  SELECT %(type)s::text, 'republish', id, version, id, %(_actor)s::text, %(_request_id)s::text,
         %(_traceparent)s::text, state FROM shown
  RETURNING id, recorded_at
)
INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry"""

_SNAPSHOT = sql.SQL("""
WITH held AS MATERIALIZED (
  SELECT r.* FROM {relation} r
  WHERE r.id > %(after)s::uuid AND r.deleted_at IS NULL ORDER BY r.id LIMIT %(limit)s::integer FOR NO KEY UPDATE
), shown AS (
  SELECT r.id, r.version, r.partition_key, (SELECT to_jsonb(s) FROM (SELECT {state}) s) AS state FROM held r
), entry AS (
  {entry}
), queued AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry
)
SELECT count(*), (array_agg(id ORDER BY id DESC))[1] FROM shown /* sight */""")


@lru_cache(maxsize=64)
def _snapshot_statement(aggregate: Aggregate) -> LiteralString:
    text = _SNAPSHOT.format(
        relation=aggregate.relation,
        state=aggregate.projection(kept=True),
        entry=journal.entry(
            aggregate, "shown ORDER BY id", fact=f"'{SNAPSHOT}'", state="state", changed="NULL::jsonb"
        ),
    )
    return literal(text)


class Schedule:
    """Asks for a republish of all when the last one is so many days old; a topic that forgets stays sufficient so."""

    def __init__(self, db: Database, days: int, *, every: float = 600.0) -> None:
        self._db = db
        self._days = days
        self._every = every

    async def run(self, stop: asyncio.Event) -> None:
        """Looks at once, then every so often; several may."""
        while not stop.is_set():
            if self._days:
                try:
                    await self.look()
                except (psycopg.Error, OSError) as error:
                    log.warning("schedule_failed", error=type(error).__name__)
            await pause(stop, self._every)

    async def look(self) -> UUID | None:
        """Asks for one if it is due, and gives its id. Raises psycopg.Error."""
        async with self._db.transaction() as tx:
            await tx.execute("SELECT pg_advisory_xact_lock(7107, 0)")
            due = await one(tx, _DUE, {"days": self._days, "job": JOB})
            return await submit(tx, Cause(actor="schedule")) if due and due[0] else None

    def ready(self) -> str | None:
        """Nothing waits for it."""
        return None


# Where there has been none yet, the oldest row of the journal tells how long ago one should have been.
_DUE: LiteralString = """
SELECT coalesce(
  (SELECT max(created_at) FROM job WHERE kind = %(job)s AND argument -> 'aggregates' = '[]'
     AND state <> 'FAILED'),
  (SELECT min(recorded_at) FROM journal)) < now() - make_interval(days => %(days)s::integer)
"""
