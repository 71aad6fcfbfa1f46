"""The end of a process: what is under way is finished or undone, nobody sends more, and whoever waits takes over."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.local.launch import free_ports, listens
from services.kit.db import Database
from services.kit.serving import LINGER
from tests.kit.backbone import Backbone, Change, copies, journal, published, running, scalar, until

SOON = 30
"""Seconds for what comes at once, but for a machine that has other things to do."""


@dataclass
class Process:
    """A process that serves on a port."""

    port: int
    child: subprocess.Popen[bytes]

    def end(self) -> None:
        self.child.send_signal(signal.SIGTERM)

    async def ended(self, seconds: float = SOON) -> int:
        """Its exit code."""
        return await asyncio.to_thread(self.child.wait, seconds)

    async def listens(self) -> bool:
        return await asyncio.to_thread(listens, self.port)

    async def closed(self) -> bool:
        return not await self.listens()


@asynccontextmanager
async def started(module: str, arguments: Callable[[int], Sequence[str]]) -> AsyncGenerator[Process]:
    (port,) = free_ports(1)
    child = subprocess.Popen([sys.executable, "-m", f"tests.kit.{module}", *arguments(port)])
    try:
        process = Process(port, child)
        await until(process.listens, seconds=SOON)
        yield process
    finally:
        child.kill()
        child.wait()


@pytest.fixture
async def app() -> AsyncGenerator[Process]:
    async with started("served", lambda port: (str(port), str(LINGER))) as process:
        yield process


@pytest.fixture
async def lingering() -> AsyncGenerator[Process]:
    """One that leaves its connections all the time they want; who uses it ends it."""
    async with started("served", lambda port: (str(port), "600")) as process:
        yield process


class Connection:
    """One connection, over which requests go as they are written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, path: str) -> tuple[bytes, bytes]:
        self.send(b"GET %b HTTP/1.1\r\nHost: tests\r\n\r\n" % path.encode())
        return await self.answer()

    def send(self, content: bytes) -> None:
        self._writer.write(content)

    async def answer(self) -> tuple[bytes, bytes]:
        """Head, in small letters, and body. Raises IncompleteReadError where the connection ends before."""
        async with asyncio.timeout(SOON):
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return head, await self._reader.readexactly(int(length or 0))

    async def under_way(self) -> None:
        """Begins a request whose body comes to an end only with `rest`, and returns when the app has it in hand."""
        self.send(b"POST / HTTP/1.1\r\nHost: tests\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n")
        head, _ = await self.answer()
        assert head.startswith(b"http/1.1 100")
        self.send(b"half")

    def rest(self) -> None:
        self.send(b"more")

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def connected(process: Process) -> AsyncGenerator[Connection]:
    connection = Connection(*await asyncio.open_connection("127.0.0.1", process.port))
    try:
        yield connection
    finally:
        connection.close()


async def test_a_request_that_is_under_way_at_the_end_is_answered_whole(app: Process) -> None:
    async with connected(app) as connection:
        await connection.under_way()
        app.end()
        await until(app.closed)
        connection.rest()
        head, body = await connection.answer()
    assert head.startswith(b"http/1.1 200")
    assert body == b"halfmore"
    assert b"connection: close" in head
    assert b"told: true" in head
    assert await app.ended() == -signal.SIGTERM


async def test_a_connection_that_idles_at_the_end_is_closed_by_an_answer(lingering: Process) -> None:
    async with connected(lingering) as connection:
        head, _ = await connection.ask("/")
        assert b"connection: close" not in head
        lingering.end()
        await until(lingering.closed)
        head, _ = await connection.ask("/")
        assert head.startswith(b"http/1.1 200")
        assert b"connection: close" in head


async def test_readiness_ends_with_the_signal(lingering: Process) -> None:
    async with connected(lingering) as connection:
        assert (await connection.ask("/readyz"))[0].startswith(b"http/1.1 200")
        lingering.end()
        await until(lingering.closed)
        head, body = await connection.ask("/readyz")
    assert (head.startswith(b"http/1.1 503"), json.loads(body)["code"]) == (True, "ending")


async def test_a_second_signal_insists(app: Process) -> None:
    async with connected(app) as connection:
        await connection.under_way()
        app.end()
        await until(app.closed)
        app.end()
        # Less than what the first alone would leave to the request.
        assert await app.ended(5) == -signal.SIGTERM
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await connection.answer()


# A worker


@asynccontextmanager
async def worker_with_a_batch_in_hand(backbone: Backbone, db: Database) -> AsyncGenerator[Process]:
    """A worker whose consumer has begun a batch of three events, and waits for the table `let`."""

    def arguments(port: int) -> Sequence[str]:
        given: dict[str, Any] = {"url": backbone.url, "bootstrap": backbone.bootstrap, "port": port}
        return (json.dumps(given | {"producer": backbone.producer}),)

    async def in_hand() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return await scalar(db, f"{waiting} AND query = 'SELECT FROM let'") > 0

    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE let ()")
        await journal(tx, Change(), Change(), Change())
    async with running(backbone.relay(db)):
        await published(db, 3)
    async with started("working", arguments) as process:
        await until(in_hand)
        yield process


async def handled(db: Database) -> tuple[int, int]:
    """Events that had an effect, and how far the consumer's place says that it has come."""
    return len(await copies(db)), await scalar(
        db, "SELECT coalesce(sum(next_offset), 0)::int FROM consumer_position"
    )


async def test_a_worker_finishes_the_batch_in_its_hands(backbone: Backbone, db: Database) -> None:
    async with worker_with_a_batch_in_hand(backbone, db) as worker:
        worker.end()
        await until(worker.closed)
        await asyncio.sleep(2 * LINGER)  # All but the batch has ended.
        await scalar(db, "INSERT INTO let DEFAULT VALUES RETURNING 1")
        assert await worker.ended() == -signal.SIGTERM
        effects, offsets = await handled(db)
        assert effects == offsets > 0


async def test_a_worker_undoes_a_batch_that_takes_too_long(backbone: Backbone, db: Database) -> None:
    async with worker_with_a_batch_in_hand(backbone, db) as worker:
        worker.end()
        assert await worker.ended() == -signal.SIGTERM
        assert await handled(db) == (0, 0)


async def test_a_worker_gives_up_the_lead_while_its_consumer_still_works(
    backbone: Backbone, db: Database
) -> None:
    async with worker_with_a_batch_in_hand(backbone, db) as worker:
        relay = backbone.relay(db)

        async def leads() -> bool:
            return relay.publisher.leads

        async with running(relay):
            worker.end()
            await until(leads)
            assert worker.child.poll() is None
            assert await handled(db) == (0, 0)
