"""Rows written as a set: one statement, an entry for each, with a change of another aggregate or alone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.kit import journal, sets
from services.kit.db import Database
from services.kit.idempotency import Key
from services.kit.ids import new_id
from services.kit.journal import Cause
from services.kit.sets import Put
from tests.conftest import DatabaseUrl
from tests.kit.library import BOOK, book, database, prepare

CAUSE = Cause(actor="sub:tests", request_id="request-1", imported=True)
LENT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
async def db(database_url: DatabaseUrl, statements: list[str]) -> AsyncIterator[Database]:
    async with database(database_url("sets", prepare), statements.append) as opened:
        yield opened


def put(id: UUID | None = None, *, fact: str = "updated", **values: Any) -> Put:
    whole = book() | {"account_id": None, "owner_id": None, "secret": None, "deleted_at": None} | values
    known = id or new_id()
    return Put(known, known, whole, fact)


async def entries(db: Database) -> list[Any]:
    async with db.connect() as session:
        found = await session.execute(
            "SELECT j.type, j.aggregate_id, j.version, j.changed, j.actor, j.request_id, j.imported FROM journal j"
            " JOIN journal_queue q ON q.id = j.id ORDER BY j.id"
        )
        return await found.fetchall()


async def test_rows_are_born_and_changed_by_one_statement_each_with_its_entry(
    db: Database, statements: list[str]
) -> None:
    old, new = (
        put(title="a", lent_at=LENT, tags=["x"], secret="s", fact="created"),
        put(title="n", fact="mapped"),
    )
    async with db.connect() as session:
        [born] = await sets.put(session, BOOK, [old], CAUSE)
        statements.clear()
        changed = put(old.id, title="b", lent_at=LENT, tags=["x"], secret="t")
        shown = await sets.put(session, BOOK, [new, changed], CAUSE)
    assert len(statements) == 1
    assert (born.id, born.version) == (old.id, 1)
    assert '"lent_at":"2026-03-01T08:00:00.000000Z"' in born.json
    assert [(row.id, row.version) for row in shown] == sorted([(old.id, 2), (new.id, 1)])
    tail = ("sub:tests", "request-1", True)
    secret = {"title": {"from": "a", "to": "b"}, "secret": {"from": "s", "to": "t"}}
    assert await entries(db) == [
        ("book.created", old.id, 1, None, *tail),
        ("book.updated", old.id, 2, secret, *tail),
        ("book.mapped", new.id, 1, None, *tail),
    ]


async def test_no_rows_are_no_statement(db: Database, statements: list[str]) -> None:
    async with db.connect() as session:
        assert await sets.put(session, BOOK, [], CAUSE) == []
    assert statements == []
    assert sets.along(BOOK, []) is journal.ALONE


async def test_one_row_that_cannot_be_leaves_none(db: Database) -> None:
    async with db.connect() as session:
        with pytest.raises(psycopg.errors.CheckViolation):
            await sets.put(session, BOOK, [put(), put(pages=200_000)], CAUSE)
    assert await entries(db) == []


async def test_what_goes_along_with_a_birth_comes_after_it_in_the_same_statement(
    db: Database, statements: list[str]
) -> None:
    along = sets.along(BOOK, [put(title="along", fact="created")])
    keyed = Cause(actor="sub:tests", key=Key("issuer subject", "k", b"f", ""))
    async with db.connect() as session:
        row = await journal.create(session, BOOK, book(title="first"), keyed, along=along)
    assert row is not None
    assert len(statements) == 1
    assert [entry[:3] for entry in await entries(db)] == [
        ("book.created", row.id, 1),
        ("book.created", UUID(_id(along)), 1),
    ]


def _id(along: journal.Along) -> str:
    return str(along.values["_also_rows"]).split('"id":"')[1][:36]


async def test_what_goes_along_with_a_change_that_is_none_does_not_happen(db: Database) -> None:
    async with db.connect() as session:
        row = await journal.create(session, BOOK, book(title="first"), CAUSE, along=journal.ALONE)
        assert row is not None
        along = sets.along(BOOK, [put(title="along")])
        same = await journal.update(session, BOOK, row.id, {"title": "first"}, CAUSE, along=along)
        guarded = await journal.create(session, BOOK, book(), CAUSE, guard="false", along=along)
        late = await journal.update(session, BOOK, row.id, {"title": "x"}, CAUSE, expected=7, along=along)
        assert (same, guarded, late) == (None, None, None)
        assert len(await entries(db)) == 1
        gone = await journal.remove(session, BOOK, row.id, CAUSE, at=LENT, along=along)
    assert gone is not None
    assert [entry[0] for entry in await entries(db)] == ["book.created", "book.deleted", "book.updated"]


async def test_what_goes_along_and_cannot_be_takes_the_change_with_it(db: Database) -> None:
    along = sets.along(BOOK, [put(pages=200_000)])
    async with db.connect() as session:
        with pytest.raises(psycopg.errors.CheckViolation):
            await journal.create(session, BOOK, book(), CAUSE, along=along)
        found = await session.execute("SELECT count(*) FROM book")
        assert await found.fetchall() == [(0,)]
    assert await entries(db) == []
