"""Numbering: every row gets one position, dense and final, whatever the order in which transactions commit."""

import asyncio
from contextlib import suppress

from services.kit.db import Database
from services.kit.numbering import BATCH, Bell, number
from tests.conftest import DatabaseUrl
from tests.kit.backbone import Change, fill, journal, prepare, scalar


async def order(db: Database) -> list[tuple[int, str]]:
    """The numbered rows: position and name."""
    async with db.connect() as session:
        rows = await session.execute(
            "SELECT o.position, j.state->>'name' FROM journal_order o"
            " JOIN journal j ON (j.recorded_at, j.id) = (o.recorded_at, o.journal_id) ORDER BY o.position"
        )
        return [(row[0], row[1]) async for row in rows]


async def test_rows_are_numbered_in_the_order_of_their_ids(journal_db: Database) -> None:
    async with journal_db.transaction() as tx:
        await journal(tx, Change(name="one"), Change(name="two"), Change(name="three"))
    assert await number(journal_db) == (3, 3)
    assert await order(journal_db) == [(1, "one"), (2, "two"), (3, "three")]
    assert await number(journal_db) == (0, 3)


async def test_transactions_that_commit_in_the_wrong_order_are_all_numbered_once(
    journal_db: Database,
) -> None:
    async with journal_db.transaction() as slow:
        await journal(slow, Change(name="first id, last commit"))
        async with journal_db.transaction() as quick:
            await journal(quick, Change(name="second id, first commit"))
        assert await number(journal_db) == (1, 1)
        before = await order(journal_db)
    assert await number(journal_db) == (1, 2)
    assert await order(journal_db) == [*before, (2, "first id, last commit")]


async def test_a_rolled_back_row_leaves_no_hole(journal_db: Database) -> None:
    with suppress(ZeroDivisionError):
        async with journal_db.transaction() as tx:
            await journal(tx, Change())
            raise ZeroDivisionError
    async with journal_db.transaction() as tx:
        await journal(tx, Change(name="kept"))
    assert await number(journal_db) == (1, 1)
    assert await order(journal_db) == [(1, "kept")]


async def test_numberers_at_once_number_every_row_once(journal_db: Database) -> None:
    async def write() -> None:
        for _ in range(60):
            async with journal_db.transaction() as tx:
                await journal(tx, Change(), Change())

    writing = asyncio.gather(write(), write(), write())
    while not writing.done():
        await asyncio.gather(number(journal_db), number(journal_db), number(journal_db))
    await number(journal_db)
    numbered = await scalar(journal_db, "SELECT array_agg(position ORDER BY position) FROM journal_order")
    assert numbered == list(range(1, 361))
    assert await scalar(journal_db, "SELECT count(DISTINCT journal_id) FROM journal_order") == 360
    assert await scalar(journal_db, "SELECT count(*) FROM journal_queue") == 0


async def test_a_pass_takes_a_batch_and_the_lowest_first(journal_db: Database) -> None:
    await fill(journal_db, BATCH + 10)
    assert await number(journal_db) == (BATCH, BATCH)
    assert await number(journal_db) == (10, BATCH + 10)
    assert (await order(journal_db))[-1] == (BATCH + 10, str(BATCH + 10))


async def test_the_bell_rings_after_a_commit(journal_db: Database, database_url: DatabaseUrl) -> None:
    url = database_url("bell", prepare)
    db = Database(url, name="tests")
    await db.open()
    async with db.connect() as listener, Bell(url) as bell:
        await listener.execute("LISTEN journal")
        for _ in range(3):
            bell.ring()
        heard = [note.channel async for note in listener.notifies(timeout=10, stop_after=1)]
    await db.close()
    assert heard == ["journal"]
