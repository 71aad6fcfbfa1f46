"""The database of a process: its sessions' manners, and that tests hear of every statement."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql

from services.kit.db import Database, literal, one
from tests.conftest import DatabaseUrl
from tests.kit.library import database, prepare


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
async def db(database_url: DatabaseUrl, heard: list[str]) -> AsyncIterator[Database]:
    async with database(database_url("db", prepare), heard.append) as opened:
        yield opened


async def test_sessions_run_in_utc_and_wait_for_nothing_for_ever(db: Database) -> None:
    async with db.connect() as session:
        for name, value in {
            "timezone": "UTC",
            "lock_timeout": "2s",
            "idle_in_transaction_session_timeout": "5s",
            "application_name": "tests",
        }.items():
            assert await one(session, "SELECT current_setting(%(name)s)", {"name": name}) == (value,)


async def test_a_statement_alone_is_a_transaction(db: Database) -> None:
    async with db.connect() as session, db.connect() as other:
        await session.execute("INSERT INTO journal_queue VALUES (1, now())")
        assert await one(other, "SELECT count(*) FROM journal_queue", {}) == (1,)


async def insert_and_fail(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO journal_queue VALUES (1, now())")
        raise ZeroDivisionError


async def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    async with db.transaction() as tx, db.connect() as other:
        await tx.execute("INSERT INTO journal_queue VALUES (2, now())")
        assert await one(other, "SELECT count(*) FROM journal_queue", {}) == (0,)
    with pytest.raises(ZeroDivisionError):
        await insert_and_fail(db)
    async with db.connect() as session:
        assert await one(session, "SELECT array_agg(id) FROM journal_queue", {}) == ([2],)


async def test_a_session_that_was_left_in_a_mess_is_whole_for_the_next(db: Database) -> None:
    for _ in range(12):
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with db.transaction() as tx:
                await tx.execute("SELECT 1 / 0")
        async with db.connect() as session:
            assert await one(session, "SELECT 1", {}) == (1,)


async def test_more_callers_than_sessions_wait_for_their_turn(db: Database) -> None:
    async def ask(n: int) -> int:
        async with db.connect() as session:
            row = await one(session, "SELECT %(n)s::int FROM pg_sleep(0.01)", {"n": n})
            assert row
            return row[0]

    assert await asyncio.gather(*(ask(n) for n in range(40))) == list(range(40))


async def test_every_way_to_execute_is_heard(db: Database, heard: list[str]) -> None:
    async with db.connect() as session:
        await session.execute("SELECT 1")
        await session.cursor().execute("SELECT 2")
        await session.execute(sql.SQL("SELECT {}").format(sql.Literal(3)))
        await one(session, "SELECT %(n)s::int", {"n": 4})
        await session.cursor().executemany("INSERT INTO journal_queue VALUES (%s, now())", [(1,), (2,)])
        async with session.cursor().copy("COPY journal_queue TO STDOUT") as copy:
            async for _ in copy:
                pass
    said = " ".join(heard)
    for statement in ("SELECT 1", "SELECT 2", "SELECT 3", "::int", "INSERT INTO journal_queue", "COPY"):
        assert statement in said, statement
    assert len(heard) == 6


def test_a_composed_statement_is_told_as_text() -> None:
    text = sql.SQL("SELECT {} FROM {} WHERE x = %(x)s").format(sql.Literal("a'b"), sql.Identifier("t"))
    assert literal(text) == "SELECT 'a''b' FROM \"t\" WHERE x = %(x)s"
