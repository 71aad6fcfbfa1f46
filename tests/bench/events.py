"""What events cost in time: from a commit to its effect in another service, and how fast a consumer catches up."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from deploy.local.stack import Stack
from services.kit.kafka import end_offsets
from tests.bench.load import Connection, Headers, Measured, Request

PROBES: Final = 200
BETWEEN: Final = 0.02
"""Seconds between two probes: their own writes are no load."""

PATIENCE: Final = 10.0
"""Seconds after which what has had no effect counts as without one."""

NEVER: Final = 0
"""The status of what had none in time."""

CAUGHT_UP: Final = 120.0
"""Seconds after which a consumer has either caught up or fails to."""

PAUSED: Final = 3
"""Republishes of contacts that a paused consumer misses."""


class Effects:
    """Renames accounts at contacts and looks for the new names at opportunities."""

    def __init__(self, stack: Stack, headers: Headers, accounts: list[dict[str, Any]]) -> None:
        self._port = stack.port("gateway")
        self._url = stack.database_url("opportunities")
        self._headers = (*headers, ("If-Match", "*"))
        self._accounts = [account["id"] for account in accounts]
        self._run = time.time_ns()

    async def measure(self, probes: int = PROBES) -> Measured:
        """From the answer to a rename until opportunities knows the name, one at a time."""
        connection = Connection("127.0.0.1", self._port)
        measured = Measured()
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as session:
            for number in range(probes):
                account = self._accounts[number % len(self._accounts)]
                name = f"Renamed {self._run} {number}"
                body = json.dumps({"name": name}).encode()
                path = f"/v1/accounts/{account}"
                status, _ = await connection.send(Request("PATCH", path, self._headers, body))
                began = time.perf_counter()
                if not await _known(session, account, name):
                    status = NEVER
                measured.latencies.append(time.perf_counter() - began)
                measured.statuses[status] = measured.statuses.get(status, 0) + 1
                await asyncio.sleep(BETWEEN)
        self._run += 1
        measured.seconds = sum(measured.latencies)
        connection.close()
        return measured


async def _known(session: psycopg.AsyncConnection[Any], account: str, name: str) -> bool:
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until:
        row = await session.execute("SELECT name = %s FROM account WHERE id = %s", (name, account))
        found = await row.fetchone()
        if found and found[0]:
            return True
        await asyncio.sleep(0.001)
    return False


async def under_load(
    port: int, make: Callable[[int], Request], rate: float, work: Callable[[], Any], *, lanes: int = 16
) -> tuple[Any, float]:
    """What `work` gives while requests are sent at `rate` a second, and the rate of those that succeeded."""
    numbers, answered = iter(range(10**9)), 0
    began = time.perf_counter()

    async def lane() -> None:
        nonlocal answered
        connection = Connection("127.0.0.1", port)
        while True:
            number = next(numbers)
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            status, _ = await connection.send(make(number))
            answered += 200 <= status < 300

    senders = [asyncio.create_task(lane()) for _ in range(lanes)]
    try:
        await asyncio.sleep(2)
        done = await work()
        return done, answered / (time.perf_counter() - began)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


def catch_up(stack: Stack, foothold: str, environment: dict[str, str]) -> tuple[int, float]:
    """How many events a paused consumer (opportunities) had missed and then handled, and in how many seconds."""
    with _paused(stack, "opportunities-worker"):
        for _ in range(PAUSED):
            subprocess.run(
                [foothold, "events", "republish", "contacts"],
                env=environment,
                check=True,
                capture_output=True,
            )
        missed = _behind(stack)
    began = time.perf_counter()
    while (left := _behind(stack)) and time.perf_counter() < began + CAUGHT_UP:
        time.sleep(0.02)
    return missed - left, time.perf_counter() - began


@contextmanager
def _paused(stack: Stack, process: str) -> Generator[None]:
    record = stack.home.running()
    assert record is not None
    pid = next(child.identity.pid for child in record.children if child.name == process)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _behind(stack: Stack) -> int:
    """Records of contacts that opportunities has yet to handle."""
    ends = end_offsets(stack.bootstrap_servers, ["contacts.events"])
    with psycopg.connect(stack.database_url("opportunities")) as connection:
        row = connection.execute(
            "SELECT sum(next_offset) FROM consumer_position WHERE topic = 'contacts.events'"
        ).fetchone()
    assert row is not None
    return sum(ends.values()) - int(row[0])
