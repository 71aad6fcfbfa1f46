"""Connections whose socket is watched for as long as they live: what psycopg's own do, and no more open files."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from services.kit.db import Database
from services.kit.sockets import Watched
from tests.conftest import DatabaseUrl
from tests.kit.backbone import until
from tests.kit.library import prepare

Connection = Watched[tuple[object, ...]]


@pytest.fixture
def url(database_url: DatabaseUrl) -> str:
    return database_url("sockets", prepare)


@pytest.fixture
async def session(url: str) -> AsyncIterator[Connection]:
    async with await Watched.connect(url, autocommit=True) as opened:
        yield opened


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def one(session: Connection, statement: str, *values: object) -> object:
    row = await (await session.execute(statement.encode(), values or None)).fetchone()
    assert row
    return row[0]


async def test_it_is_watched_once_until_it_is_closed(url: str) -> None:
    files = open_files()
    session: Connection = await Watched.connect(url, autocommit=True)
    assert open_files() == files + 1
    for n in range(20):
        assert await one(session, "SELECT %s::int FROM pg_sleep(0.001)", n) == n
        assert open_files() == files + 2
    await session.close()
    assert open_files() == files


async def test_what_takes_more_than_the_socket_holds_is_sent_and_read(session: Connection) -> None:
    text = "x" * 20_000_000
    assert await one(session, "SELECT %s::text", text) == text
    async with session.cursor().copy(
        "COPY (SELECT repeat('y', 1000) FROM generate_series(1, 5000)) TO STDOUT"
    ) as rows:
        assert sum([len(row) async for row in rows]) == 5_005_000
    assert await one(session, "SELECT 1") == 1


async def test_a_statement_that_is_given_up_ends_in_the_server(session: Connection) -> None:
    backend = session.info.backend_pid
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.execute("SELECT pg_sleep(60)")
        assert await one(session, "SELECT pg_backend_pid()") == backend


async def end(url: str, session: Connection) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", (session.info.backend_pid,))


async def test_it_is_closed_as_soon_as_its_server_has_hung_up(url: str, session: Connection) -> None:
    await session.execute("SELECT 1")
    files = open_files()
    await end(url, session)

    async def closed() -> bool:
        return session.closed

    await until(closed, seconds=5)
    with pytest.raises(psycopg.OperationalError):
        await session.execute("SELECT 1")
    await session.close()
    assert open_files() == files - 2


async def test_a_statement_that_comes_as_the_server_hangs_up_fails_at_once(
    url: str, session: Connection
) -> None:
    await session.execute("SELECT 1")
    files = open_files()
    with psycopg.connect(url, autocommit=True) as other:
        # The loop sees nothing of it before the statement is sent.
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (session.info.backend_pid,))
    async with asyncio.timeout(5):
        with pytest.raises(psycopg.OperationalError):
            await session.execute("SELECT 1")
    await session.close()
    assert open_files() == files - 2


async def test_a_statement_whose_server_hangs_up_fails_and_leaves_no_file(
    url: str, session: Connection
) -> None:
    files = open_files()
    asleep = asyncio.create_task(session.execute("SELECT pg_sleep(60)"))
    await asyncio.sleep(0.1)
    await end(url, session)
    with pytest.raises(psycopg.OperationalError):
        await asleep
    await session.close()
    assert open_files() == files - 1


async def test_a_pool_lends_none_whose_server_has_hung_up(url: str) -> None:
    db = Database(url, name="hung-up", size=3)
    await db.open()

    together = asyncio.Barrier(3)

    async def pid() -> int:
        async with db.connect() as session:
            await session.execute("SELECT 1")
            await together.wait()
            return session.info.backend_pid

    pids = set(await asyncio.gather(*(pid() for _ in range(3))))
    assert len(pids) == 3
    with psycopg.connect(url, autocommit=True) as other:
        for each in pids:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (each,))
    await asyncio.sleep(0.2)
    assert not pids & set(await asyncio.gather(*(pid() for _ in range(3))))
    await db.close()


async def test_a_pool_lends_none_that_was_hung_up_on_before_it_was_used(url: str) -> None:
    db = Database(url, name="unused", size=1)
    await db.open()
    async with db.connect() as session:
        unused = session.info.backend_pid
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (unused,))
    await asyncio.sleep(0.2)
    async with db.connect() as session:
        assert await (await session.execute("SELECT pg_backend_pid()")).fetchone() != (unused,)
    await db.close()


async def test_a_silent_machine_is_given_up_after_ten_seconds(url: str) -> None:
    db = Database(url, name="silent", size=1)
    await db.open()
    async with db.connect() as session:
        with socket.socket(fileno=os.dup(session.fileno())) as seen:
            assert seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 4
    await db.close()


async def test_of_what_nobody_asked_for_the_next_statement_hears(session: Connection) -> None:
    heard: list[str] = []
    session.add_notify_handler(lambda each: heard.append(each.payload))
    await session.execute("LISTEN sockets")
    for n in range(3):
        await session.execute("SELECT pg_notify('sockets', %s)", (str(n),))
        await asyncio.sleep(0.02)
    assert await one(session, "SELECT 1") == 1
    assert heard == ["0", "1", "2"]
