"""Jobs: work that outlives a request, kept in a table and done by workers, through kills and restarts.

A worker claims a job with SKIP LOCKED and says every few seconds that it lives. A job whose worker fell silent is
claimed by another, which goes on from its point: each piece of work moves the point in its own transaction, after
`hold` has made sure there that the claim is still the worker's. So a piece is done once, whoever dies when.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg.types.json import Jsonb

from services.kit.backoff import Backoff, pause
from services.kit.db import Database, Session, one
from services.kit.ids import new_id
from services.kit.journal import Cause
from services.kit.outages import is_outage

# Seconds: between signs of life, of silence after which a job is another's, between looks for work.
HEARTBEAT: Final = 2.0
LAPSE: Final = 10.0
POLL: Final = 0.5

PATIENCE: Final = 5
"""Failures one after the other, without a step forward in between, after which a job is given up."""

log = structlog.get_logger()


class Lost(Exception):
    """The claim is another worker's by now; whatever the transaction has written must not be."""


class GivenUp(Exception):
    """The job cannot be done; its text tells the reader why, in a sentence."""


@dataclass(frozen=True)
class Job:
    """One job as its worker finds it. `point` is from where it goes on; None at the beginning."""

    id: UUID
    kind: str
    argument: Mapping[str, Any]
    point: Mapping[str, Any] | None
    done: int
    total: int
    counts: Mapping[str, int]
    created_by: str
    request_id: str | None
    traceparent: str | None
    failures: int

    @property
    def cause(self) -> Cause:
        """Who asked for the work, for what is written on the way."""
        return Cause(actor=self.created_by, request_id=self.request_id, traceparent=self.traceparent)


class Claim:
    """A job that this worker holds until it ends, releases it or falls silent."""

    def __init__(self, id: UUID, job: Job) -> None:
        self.id = id
        self.job = job

    async def hold(self, tx: Session) -> None:
        """Locks the job for the transaction. Raises Lost when it is another worker's by now."""
        if await one(tx, _HOLD, self._named()) is None:
            raise Lost

    async def reach(
        self,
        tx: Session,
        point: Mapping[str, Any],
        *,
        done: int,
        total: int,
        counts: Mapping[str, int],
    ) -> None:
        """Moves the point, in the transaction that did the work up to it."""
        given = {"point": Jsonb(point), "done": done, "total": total, "counts": Jsonb(counts)}
        await tx.execute(_REACH, self._named() | given)

    async def live(self, session: Session) -> None:
        """Says that the worker lives. Raises Lost."""
        await self.hold(session)

    async def release(self, session: Session, *, failed: bool) -> None:
        """Gives the job back to be gone on with; `failed` counts against it."""
        await session.execute(_RELEASE, self._named() | {"failed": int(failed)})

    async def end(self, tx: Session, *, error: str | None) -> None:
        """Ends the job: DONE, or FAILED with a sentence. Raises Lost."""
        await self.hold(tx)
        await tx.execute(_END, self._named() | {"error": error})

    def _named(self) -> dict[str, Any]:
        return {"id": self.job.id, "claim": self.id}


@dataclass(frozen=True, eq=False)
class Kind:
    """What is to be done with the jobs of one kind.

    `work` does the job from its point on and returns whether it is finished; False when it stopped because `stop` was
    set. `clear` removes what only the unfinished job needed, in the transaction that ends it, DONE or FAILED.
    """

    name: str
    work: Callable[[Claim, Database, asyncio.Event], Awaitable[bool]]
    clear: Callable[[Session, Job], Awaitable[None]]


async def submit(
    tx: Session, kind: str, cause: Cause, *, lane: str, argument: Mapping[str, Any], id: UUID | None = None
) -> UUID:
    """Puts a job into the queue and returns its id. Jobs of one lane run one after the other."""
    id = id or new_id()
    given = {
        "id": id,
        "kind": kind,
        "lane": lane,
        "argument": Jsonb(argument),
        "actor": cause.actor,
        "request_id": cause.request_id,
        "traceparent": cause.traceparent,
    }
    await tx.execute(_SUBMIT, given)
    return id


class Worker:
    """Does jobs of some kinds, one at a time. Several may run, in any number of processes. `busy`: a job is on."""

    def __init__(
        self,
        db: Database,
        kinds: Iterable[Kind],
        *,
        heartbeat: float = HEARTBEAT,
        lapse: float = LAPSE,
        poll: float = POLL,
    ) -> None:
        self._db = db
        self._kinds = {kind.name: kind for kind in kinds}
        self._heartbeat, self._lapse, self._poll = heartbeat, lapse, poll
        self._trouble: str | None = None
        self.busy = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then ends the piece on its way and releases the job. Outages do not end it."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                worked = await self.work_one(stop)
            except Exception as error:
                if not is_outage(error):
                    raise
                self._trouble = f"jobs: the database does not answer ({type(error).__name__})"
                await backoff.wait(stop)
                continue
            self._trouble = None
            backoff.reset()
            if not worked:
                await pause(stop, self._poll)

    def ready(self) -> str | None:
        """Why no work can be done; None while it can."""
        return self._trouble

    async def work_one(self, stop: asyncio.Event) -> bool:
        """Does one job, as far as it gets until `stop` is set. False when there is none to claim."""
        claim = await self._claim()
        if claim is None:
            return False
        told = log.bind(job=str(claim.job.id), kind=claim.job.kind)
        told.info("job_begins", done=claim.job.done)
        self.busy = True
        try:
            await self._do(self._kinds[claim.job.kind], claim, stop)
        except Lost:
            told.warning("job_lost")
        except Exception as error:
            # Where the job cannot be given back its claim lapses by itself.
            await self._release(claim, failed=not is_outage(error))
            if is_outage(error):
                raise
            told.error("job_failed", exc_info=error)
        finally:
            self.busy = False
        return True

    async def _do(self, kind: Kind, claim: Claim, stop: asyncio.Event) -> None:
        if claim.job.failures >= PATIENCE:
            await self._end(kind, claim, _FAILED)
            return
        try:
            async with self._alive(claim):
                finished = await kind.work(claim, self._db, stop)
        except GivenUp as error:
            await self._end(kind, claim, str(error))
            return
        if finished:
            await self._end(kind, claim, None)
        else:
            await self._release(claim, failed=False)

    async def _claim(self) -> Claim | None:
        id = new_id()
        given = {"claim": id, "kinds": list(self._kinds), "lapse": self._lapse}
        async with self._db.connect() as session:
            try:
                row = await one(session, _CLAIM, given)
            except psycopg.errors.UniqueViolation:
                return None  # Another worker has begun with the same lane.
        return None if row is None else Claim(id, Job(*row))

    @asynccontextmanager
    async def _alive(self, claim: Claim) -> AsyncGenerator[None]:
        beating = asyncio.create_task(self._beat(claim), name="heartbeat")
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    async def _beat(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            # A piece of work that holds the job says the same; one that was lost finds out by itself.
            with suppress(psycopg.Error, OSError, Lost):
                async with self._db.connect() as session:
                    await claim.live(session)

    async def _end(self, kind: Kind, claim: Claim, error: str | None) -> None:
        async with self._db.transaction() as tx:
            await claim.end(tx, error=error)
            await kind.clear(tx, claim.job)
        log.info("job_ends", job=str(claim.job.id), kind=kind.name, failed=error is not None)

    async def _release(self, claim: Claim, *, failed: bool) -> None:
        with suppress(psycopg.Error, OSError):
            async with self._db.connect() as session:
                await claim.release(session, failed=failed)


_FAILED = "Something went wrong on our side; the job's id finds it in our log."
_SUBMIT: LiteralString = """
INSERT INTO job (id, kind, lane, argument, created_by, request_id, traceparent)
VALUES (%(id)s, %(kind)s, %(lane)s, %(argument)s, %(actor)s, %(request_id)s, %(traceparent)s)
"""
# A job that was running when its worker fell silent counts as failed once: what kills its workers, one after the other
# and without a step forward, is given up like what raises.
_CLAIM: LiteralString = """
UPDATE job SET state = 'RUNNING', claim = %(claim)s, heartbeat_at = clock_timestamp(),
  started_at = coalesce(started_at, now()), failures = failures + (state = 'RUNNING')::integer
WHERE id = (
  SELECT j.id FROM job j
  WHERE j.kind = ANY (%(kinds)s::text[])
    AND (j.state = 'QUEUED'
         OR (j.state = 'RUNNING' AND j.heartbeat_at < clock_timestamp() - make_interval(secs => %(lapse)s::float8)))
    AND NOT EXISTS (SELECT FROM job o WHERE o.lane = j.lane AND o.id <> j.id AND o.state IN ('QUEUED', 'RUNNING')
                    AND (o.id < j.id OR o.state = 'RUNNING'))
  ORDER BY j.id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, argument, point, done, total, counts, created_by, request_id, traceparent, failures
"""
_HOLD: LiteralString = """
UPDATE job SET heartbeat_at = clock_timestamp()
WHERE id = %(id)s AND claim = %(claim)s AND state = 'RUNNING' RETURNING id
"""
_REACH: LiteralString = """
UPDATE job SET point = %(point)s, done = %(done)s, total = %(total)s, counts = %(counts)s, failures = 0
WHERE id = %(id)s AND claim = %(claim)s
"""
_RELEASE: LiteralString = """
UPDATE job SET state = 'QUEUED', claim = NULL, failures = failures + %(failed)s::integer
WHERE id = %(id)s AND claim = %(claim)s AND state = 'RUNNING'
"""
_END: LiteralString = """
UPDATE job SET state = CASE WHEN %(error)s::text IS NULL THEN 'DONE' ELSE 'FAILED' END, error = %(error)s::text,
  claim = NULL, finished_at = now()
WHERE id = %(id)s AND claim = %(claim)s
"""
