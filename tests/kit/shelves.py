"""Books of three accounts and three people, for the tests of lists: stored as they are told, asked for page by page."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
import psycopg

from tests.kit.library import Library, opened, prepare
from tests.servers import Databases

Row = dict[str, Any]
ONE_OWNER = "00000000-0000-0000-0002-000000000007"
ONE_ACCOUNT = "00000000-0000-0000-0001-000000000007"

TITLES = ["Emma", "emma", "Émile", "EMILE", "100% sure", "100 sure", "a_b", "axb", r"back\slash", "backslash",
          "云山电网", "山电", "电网", "", "Z", "a"]  # fmt: skip

SORTS = ["title", "-title", "price", "-price", "printed_on", "-printed_on", "created_at", "-created_at",
         "-price,title"]  # fmt: skip
INSERT = """
INSERT INTO book (id, version, partition_key, created_at, created_by, updated_at, updated_by, title, genre, pages,
                  price, printed_on, lent_at, sold, account_id, owner_id, deleted_at)
SELECT id, 1, id, created_at, 'x', created_at, 'x', title, genre, pages, price, printed_on, lent_at, sold, account_id,
       owner_id, CASE WHEN gone THEN now() END
FROM jsonb_to_recordset(%s) AS r(id uuid, created_at timestamptz, title text, genre text, pages int, price bigint,
  printed_on date, lent_at timestamptz, sold boolean, account_id uuid, owner_id uuid, gone boolean)"""

ACCOUNTS = [UUID(int=0xB00 + n) for n in range(3)]
PEOPLE = [UUID(int=0xA00 + n) for n in range(3)]
REP, BELOW, OTHER = PEOPLE


@asynccontextmanager
async def shelves(databases: Databases, name: str) -> AsyncGenerator[Library]:
    """A library of its own database, with the accounts and the people, and no book."""
    async with opened(databases.create(name, prepare)) as it:
        it.callers.join("rep", REP)
        await people(it)
        yield it


async def people(library: Library) -> None:
    """REP is above BELOW and owns the first account; OTHER owns the second; nobody the third."""
    await library.rows(
        "INSERT INTO member"
        " (id, version, partition_key, created_at, created_by, updated_at, updated_by, name, manager_id)"
        " SELECT id, 1, id, now(), 'x', now(), 'x', 'x', CASE id WHEN %(below)s::uuid THEN %(rep)s::uuid END"
        " FROM unnest(%(all)s::uuid[]) id",
        below=str(BELOW), rep=str(REP), all=PEOPLE,
    )  # fmt: skip
    await library.rows(
        "INSERT INTO account (id, version, partition_key, created_at, created_by, updated_at, updated_by, owner_id)"
        " SELECT id, 1, id, now(), 'x', now(), 'x', owner"
        " FROM unnest(%(accounts)s::uuid[], %(owners)s::uuid[]) a(id, owner)",
        accounts=ACCOUNTS, owners=[REP, OTHER, None],
    )  # fmt: skip


async def store(library: Library, rows: list[Row]) -> None:
    """Makes these all the books that there are."""
    async with await psycopg.AsyncConnection.connect(library.url, autocommit=True) as connection:
        await connection.execute("TRUNCATE book")
        await connection.execute(INSERT.encode(), [orjson.dumps(rows).decode()])


async def ask(library: Library, who: str = "admin", path: str = "/v1/books", **query: Any) -> Any:
    """One page."""
    return await library.client.get(f"{path}?{urlencode(query)}", headers={"Authorization": f"Bearer {who}"})


async def walked(
    library: Library, who: str, query: Mapping[str, str], limit: int, path: str = "/v1/boxed-books"
) -> list[str]:
    """The ids of all pages, one after the other; of a list that takes every filter with every sort."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await ask(library, who, path, **query, **cursor, limit=limit)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = {"cursor": page["next_cursor"]}


MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def plain_row(n: int, **values: Any) -> Row:
    """A book of that number, of which nothing is known but what is said."""
    return {
        "id": UUID(int=n), "created_at": MOMENT, "title": f"book {n:05}", "genre": "NOVEL", "pages": None,
        "price": None, "printed_on": None, "lent_at": None, "sold": False, "account_id": None, "owner_id": None,
        "gone": False,
    } | values  # fmt: skip


def in_order(rows: list[Row], sort: str) -> list[Row]:
    """Sorted with nulls last in both directions, the id as tie-break; upwards under two keys."""
    if "," in sort:
        rows = sorted(rows, key=lambda row: row["id"])
        for one_key in reversed(sort.split(",")):
            rows = _by(rows, one_key)
        return rows
    return _by(sorted(rows, key=lambda row: row["id"], reverse=sort.startswith("-")), sort)


def _by(rows: list[Row], sort: str) -> list[Row]:
    """Sorted by one key, what is equal in the order in which it came, nulls last."""
    field, down = sort.removeprefix("-"), sort.startswith("-")
    known = sorted((row for row in rows if row[field] is not None), key=lambda row: row[field])
    if down:
        known = [
            row
            for _, equal in reversed([(k, list(g)) for k, g in groupby(known, key=lambda row: row[field])])
            for row in equal
        ]
    return known + [row for row in rows if row[field] is None]
