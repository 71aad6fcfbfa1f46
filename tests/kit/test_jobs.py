"""Jobs are done once, by whoever holds them, from where the last holder got to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from services.kit import jobs
from services.kit.db import Database, Session
from services.kit.jobs import PATIENCE, Claim, GivenUp, Job, Kind, Lost, Worker
from services.kit.journal import Cause
from tests.conftest import DatabaseUrl
from tests.jobs import work_off
from tests.kit.library import database, prepare

CAUSE = Cause(actor="sub:tests", request_id="request-1", traceparent="00-trace")
Work = Callable[[Claim, Database, asyncio.Event], Awaitable[bool]]


@dataclass
class Bench:
    """A database with jobs, and what was done to them."""

    db: Database
    url: str
    done: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    cleared: list[UUID] = field(default_factory=list[UUID])

    async def submit(self, lane: str = "lane", kind: str = "count", **argument: Any) -> UUID:
        async with self.db.transaction() as tx:
            return await jobs.submit(tx, kind, CAUSE, lane=lane, argument=argument)

    async def job(self, id: UUID) -> Mapping[str, Any]:
        query: LiteralString = "SELECT * FROM job WHERE id = %(id)s"
        async with await psycopg.AsyncConnection.connect(self.url) as other:
            row = await (await other.cursor(row_factory=dict_row).execute(query, {"id": id})).fetchone()
        assert row is not None
        return row

    async def step(self, claim: Claim, to: int, *, name: str = "worker") -> None:
        """One piece of work up to `to`, with its point."""
        async with self.db.transaction() as tx:
            await claim.hold(tx)
            await claim.reach(tx, {"at": to}, done=to, total=3, counts={"read": to})
        self.done.append((name, to))

    def counting(self, name: str = "worker") -> Work:
        """Counts to three, a piece at a time."""

        async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
            for to in range((claim.job.point or {"at": 0})["at"] + 1, 4):
                if stop.is_set():
                    return False
                await self.step(claim, to, name=name)
            return True

        return work

    def worker(self, work: Work | None = None, **times: float) -> Worker:
        async def clear(tx: Session, job: Job) -> None:
            self.cleared.append(job.id)

        return Worker(self.db, [Kind("count", work or self.counting(), clear)], **times)


@pytest.fixture
async def bench(database_url: DatabaseUrl) -> AsyncIterator[Bench]:
    url = database_url("jobs", prepare)
    async with database(url) as db:
        yield Bench(db, url)


async def test_a_job_is_done_and_says_how_far_it_came(bench: Bench) -> None:
    id = await bench.submit(colour="red")
    queued = await bench.job(id)
    assert (queued["state"], queued["argument"], queued["started_at"]) == ("QUEUED", {"colour": "red"}, None)
    await work_off(bench.worker())
    job = await bench.job(id)
    assert (job["state"], job["point"], job["done"], job["total"]) == ("DONE", {"at": 3}, 3, 3)
    assert job["counts"] == {"read": 3}
    assert (job["created_by"], job["request_id"], job["traceparent"]) == (
        "sub:tests",
        "request-1",
        "00-trace",
    )
    assert job["started_at"] <= job["finished_at"]
    assert bench.cleared == [id]


async def test_a_worker_knows_what_was_asked_and_by_whom(bench: Bench) -> None:
    seen: list[Job] = []

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        seen.append(claim.job)
        return True

    await bench.submit(colour="red")
    await work_off(bench.worker(work))
    assert seen[0].argument == {"colour": "red"}
    assert seen[0].cause == CAUSE


async def test_a_worker_says_that_it_is_busy_as_long_as_it_is(bench: Bench) -> None:
    seen: list[bool] = []

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        seen.append(worker.busy)
        if len(seen) == 1:
            raise ValueError("planted")
        return True

    worker = bench.worker(work)
    await bench.submit()
    assert not worker.busy
    await work_off(worker)
    assert seen == [True, True]
    assert not worker.busy


async def test_workers_share_the_jobs_and_do_each_once(bench: Bench) -> None:
    ids = [await bench.submit(lane=f"lane {n}") for n in range(20)]
    names = ("one", "two", "three")
    await asyncio.gather(*(work_off(bench.worker(bench.counting(name))) for name in names))
    assert len(bench.done) == 3 * len(ids)
    assert sorted(bench.cleared) == sorted(ids)
    assert len({name for name, _ in bench.done}) > 1


async def test_jobs_of_one_lane_run_one_after_the_other_oldest_first(bench: Bench) -> None:
    running: list[UUID] = []
    order: list[UUID] = []

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        running.append(claim.job.id)
        assert len(running) == 1
        await asyncio.sleep(0.05)
        order.append(claim.job.id)
        running.remove(claim.job.id)
        return True

    ids = [await bench.submit() for _ in range(5)]
    workers = [bench.worker(work) for _ in range(3)]
    while len(order) < len(ids):
        await asyncio.gather(*(work_off(worker) for worker in workers))
    assert order == ids


async def test_a_lane_that_is_busy_does_not_hold_up_another(bench: Bench) -> None:
    held, free = asyncio.Event(), asyncio.Event()

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        if claim.job.argument.get("slow"):
            held.set()
            await free.wait()
        return True

    slow = await bench.submit(slow=True)
    waiting = await bench.submit()
    other = await bench.submit(lane="other")
    busy = asyncio.create_task(work_off(bench.worker(work)))
    await held.wait()
    await work_off(bench.worker(work))
    assert (await bench.job(other))["state"] == "DONE"
    assert (await bench.job(waiting))["state"] == "QUEUED"
    free.set()
    await busy
    assert [(await bench.job(id))["state"] for id in (slow, waiting)] == ["DONE", "DONE"]


async def test_a_job_of_a_kind_that_nobody_here_does_is_left_alone(bench: Bench) -> None:
    id = await bench.submit(kind="paint")
    await work_off(bench.worker())
    assert (await bench.job(id))["state"] == "QUEUED"


async def test_a_job_whose_worker_fell_silent_goes_on_from_its_point(bench: Bench) -> None:
    silent = asyncio.Event()

    async def falls_silent(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        await bench.step(claim, 1, name="dead")
        silent.set()
        await asyncio.Event().wait()
        return True

    id = await bench.submit()
    dead = asyncio.create_task(work_off(bench.worker(falls_silent, heartbeat=60.0)))
    await silent.wait()
    await work_off(bench.worker(lapse=60.0))
    assert (await bench.job(id))["state"] == "RUNNING"
    await asyncio.sleep(0.2)
    await work_off(bench.worker(bench.counting("heir"), lapse=0.1))
    assert bench.done == [("dead", 1), ("heir", 2), ("heir", 3)]
    assert (await bench.job(id))["state"] == "DONE"
    dead.cancel()
    await asyncio.gather(dead, return_exceptions=True)


async def test_a_worker_that_comes_back_too_late_writes_nothing(bench: Bench) -> None:
    asleep, awake = asyncio.Event(), asyncio.Event()
    lost: list[bool] = []

    async def sleeps(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        asleep.set()
        await awake.wait()
        try:
            await bench.step(claim, 1, name="sleeper")
        except Lost:
            lost.append(True)
            raise
        return True

    id = await bench.submit()
    sleeper = asyncio.create_task(work_off(bench.worker(sleeps, heartbeat=60.0)))
    await asleep.wait()
    await asyncio.sleep(0.2)
    await work_off(bench.worker(bench.counting("heir"), lapse=0.1))
    awake.set()
    await sleeper
    assert lost == [True]
    assert {name for name, _ in bench.done} == {"heir"}
    assert (await bench.job(id))["state"] == "DONE"
    assert bench.cleared == [id]


async def test_a_long_piece_of_work_is_not_taken_from_a_worker_that_lives(bench: Bench) -> None:
    async def takes_long(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        await asyncio.sleep(1.5)
        await bench.step(claim, 1)
        return True

    await bench.submit()
    slow = asyncio.create_task(work_off(bench.worker(takes_long, heartbeat=0.1)))
    await asyncio.sleep(1.0)
    await work_off(bench.worker(bench.counting("thief"), lapse=0.8))
    await slow
    assert bench.done == [("worker", 1)]


async def test_what_fails_again_and_again_without_a_step_is_given_up(bench: Bench) -> None:
    tries: list[int] = []

    async def fails(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        tries.append(1)
        raise RuntimeError("the secret 4711")

    id = await bench.submit()
    await work_off(bench.worker(fails))
    job = await bench.job(id)
    assert job["state"] == "FAILED"
    assert "4711" not in job["error"]
    assert len(tries) == PATIENCE
    assert bench.cleared == [id]


async def test_what_fails_now_and_then_and_gets_on_in_between_is_not_given_up(bench: Bench) -> None:
    async def stumbles(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        at = (claim.job.point or {"at": 0})["at"]
        if at == 3 * PATIENCE:
            return True
        await bench.step(claim, at + 1)
        raise RuntimeError

    id = await bench.submit()
    await work_off(bench.worker(stumbles))
    assert (await bench.job(id))["state"] == "DONE"


async def test_what_kills_its_workers_one_after_the_other_is_given_up(bench: Bench) -> None:
    tries: list[int] = []

    begun = asyncio.Event()

    async def kills(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        tries.append(1)
        begun.set()
        await asyncio.Event().wait()
        return True

    id = await bench.submit()
    for _ in range(PATIENCE):
        dying = asyncio.create_task(work_off(bench.worker(kills, heartbeat=60.0, lapse=0.05)))
        await begun.wait()
        begun.clear()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await asyncio.sleep(0.1)
    await work_off(bench.worker(kills, lapse=0.05))
    assert (await bench.job(id))["state"] == "FAILED"
    assert len(tries) == PATIENCE


async def test_what_cannot_be_done_says_why(bench: Bench) -> None:
    async def refuses(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        raise GivenUp("The file is gone; send it again.")

    id = await bench.submit()
    await work_off(bench.worker(refuses))
    job = await bench.job(id)
    assert (job["state"], job["error"]) == ("FAILED", "The file is gone; send it again.")
    assert bench.cleared == [id]


async def test_a_worker_that_is_stopped_gives_its_job_back_at_once(bench: Bench) -> None:
    stop = asyncio.Event()

    async def is_stopped(claim: Claim, db: Database, stop_: asyncio.Event) -> bool:
        await bench.step(claim, 1)
        stop.set()
        return not stop_.is_set()

    id = await bench.submit()
    await bench.worker(is_stopped, poll=0.01).run(stop)
    assert (await bench.job(id))["state"] == "QUEUED"
    await work_off(bench.worker(lapse=60.0))
    assert [to for _, to in bench.done] == [1, 2, 3]


async def test_an_outage_of_the_database_ends_neither_worker_nor_job(bench: Bench) -> None:
    stop = asyncio.Event()
    broken = [True]

    async def loses_its_connection(claim: Claim, db: Database, stop_: asyncio.Event) -> bool:
        if broken.pop() if broken else False:
            async with db.connect() as session:
                await session.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        done = await bench.counting()(claim, db, stop_)
        stop.set()
        return done

    id = await bench.submit()
    worker = bench.worker(loses_its_connection, poll=0.01)
    async with asyncio.timeout(20):
        await worker.run(stop)
    job = await bench.job(id)
    assert (job["state"], job["failures"]) == ("DONE", 0)
    assert worker.ready() is None
