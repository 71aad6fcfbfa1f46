"""What a service's database needs now and then."""

from collections.abc import AsyncIterator
from typing import LiteralString

import pytest

from services.kit.db import Database
from services.kit.numbering import number
from services.kit.sweeper import Sweeper, forget
from tests.conftest import DatabaseUrl
from tests.kit.backbone import Change, journal, prepare, scalar
from tests.kit.library import database

PARTITIONS: LiteralString = """
SELECT json_agg(c.relname ORDER BY c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'journal'::regclass"""


@pytest.fixture
async def db(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    """A database whose journal has rows of three months long ago, numbered, and one of today."""
    async with database(database_url("sweeper", prepare)) as opened:
        for month in ("2020-01-15", "2020-02-15", "2020-03-15"):
            async with opened.transaction() as tx:
                await tx.execute("SELECT journal_month(%s::timestamptz)", [month])
                await journal(tx, Change(), Change())
                await tx.execute(
                    "UPDATE journal_queue q SET recorded_at = %s FROM journal j WHERE j.id = q.id", [month]
                )
                await tx.execute(
                    "UPDATE journal SET recorded_at = %s WHERE recorded_at > now() - interval '1 day'",
                    [month],
                )
            await number(opened)
        async with opened.connect() as session:
            await journal(session, Change())
        await number(opened)
        yield opened


async def publish(db: Database, upto: int) -> None:
    async with db.connect() as session:
        await session.execute("UPDATE journal_cursor SET published = %s", [upto])


async def left(db: Database) -> tuple[int, int]:
    """Rows of the journal, and of their order."""
    return (
        await scalar(db, "SELECT count(*) FROM journal"),
        await scalar(db, "SELECT count(*) FROM journal_order"),
    )


async def test_months_past_retention_are_dropped_with_their_positions(db: Database) -> None:
    await publish(db, 7)
    assert await forget(db, 30) == ["journal_y2020m01", "journal_y2020m02", "journal_y2020m03"]
    assert await left(db) == (1, 1)
    assert await forget(db, 30) == []


async def test_nothing_unpublished_is_dropped(db: Database) -> None:
    assert await forget(db, 30) == []
    await publish(db, 3)
    assert await forget(db, 30) == ["journal_y2020m01"]
    assert await left(db) == (5, 5)


async def test_nothing_unnumbered_is_dropped(db: Database) -> None:
    await publish(db, 7)
    async with db.connect() as session:
        await session.execute("INSERT INTO journal_queue VALUES (1000, '2020-02-20')")
    assert await forget(db, 30) == ["journal_y2020m01"]


async def test_a_month_ends_before_its_retention_begins(db: Database) -> None:
    await publish(db, 7)
    days = await scalar(db, "SELECT (now()::date - '2020-02-01'::date)")
    assert await forget(db, days + 1) == []
    assert await forget(db, days - 1) == ["journal_y2020m01"]


async def test_for_ever_is_the_default(db: Database) -> None:
    await publish(db, 7)
    await Sweeper(db).sweep()
    assert await left(db) == (7, 7)
    await Sweeper(db, retention_days=30).sweep()
    assert await left(db) == (1, 1)
    assert "journal_rest" in await scalar(db, PARTITIONS)


async def test_imports_that_ended_long_ago_are_forgotten_with_their_reports(db: Database) -> None:
    kinds = {"import": ("DONE", "FAILED", "RUNNING"), "other": ("DONE",)}
    async with db.connect() as session:
        for kind, states in kinds.items():
            for state in states:
                for days in (29, 31):
                    given = {"kind": kind, "state": state, "days": days, "ended": state != "RUNNING"}
                    await session.execute(_ENDED, given)
    assert await left_of_imports(db) == (8, 8)
    await Sweeper(db).sweep()
    assert await left_of_imports(db) == (8, 8)
    await Sweeper(db, deleted_days=30).sweep()
    assert await left_of_imports(db) == (6, 6)
    assert await scalar(db, "SELECT count(*) FROM job WHERE kind = 'import' AND state <> 'RUNNING'") == 2


async def left_of_imports(db: Database) -> tuple[int, int]:
    """Jobs, and lines of their reports."""
    jobs, lines = "SELECT count(*) FROM job", "SELECT count(*) FROM import_report"
    return await scalar(db, jobs), await scalar(db, lines)


_ENDED: LiteralString = """
WITH made AS (
  INSERT INTO job (id, kind, lane, state, argument, created_by, finished_at)
  SELECT uuidv7(), %(kind)s, uuidv7()::text, %(state)s, '{}', 'sub:test',
    CASE WHEN %(ended)s::boolean THEN now() - make_interval(days => %(days)s::integer) END
  RETURNING id
)
INSERT INTO import_report (job_id, row, outcome, message, findings)
  SELECT id, 1, 'REFUSED', 'Jane Doe', '[]' FROM made"""
