"""Pages read while others write: what stays as it is and where it is comes once, in its place."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.library import Library
from tests.kit.shelves import ACCOUNTS, PEOPLE, SORTS, in_order, plain_row, shelves, store, walked
from tests.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")

Change: TypeAlias = tuple[LiteralString, dict[str, Any]]

# Rows that are made while pages are read make more pages.
MOST_CHANGES = 1_000
MOVING = [UUID(int=1000 + n * 7) for n in range(8)]
CREATED: LiteralString = """INSERT INTO book (id, version, partition_key, created_at, created_by, updated_at,
  updated_by, title, genre, sold, price, account_id) SELECT uuidv7(), 1, uuidv7(), created_at, 'x', updated_at, 'x',
  title, genre, sold, price, account_id FROM book WHERE id = %(id)s"""

moving = st.sampled_from(MOVING)
titles, prices = st.sampled_from(["a", "m", "z"]), st.sampled_from([None, -5, 0, 5])


def change(statement: LiteralString, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Change]:
    return st.tuples(st.just(statement), st.fixed_dictionaries(values))


CHANGES: st.SearchStrategy[list[Change]] = st.lists(
    st.one_of(
        change(CREATED, id=moving),
        change("UPDATE book SET title = %(title)s WHERE id = %(id)s", id=moving, title=titles),
        change("UPDATE book SET price = %(price)s WHERE id = %(id)s", id=moving, price=prices),
        change(
            "UPDATE book SET account_id = %(at)s WHERE id = %(id)s", id=moving, at=st.sampled_from(ACCOUNTS)
        ),
        change("UPDATE book SET owner_id = %(to)s WHERE id = %(id)s", id=moving, to=st.sampled_from(PEOPLE)),
        change(
            "UPDATE book SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE id = %(id)s",
            id=moving,
        ),
        change(
            "UPDATE account SET owner_id = %(to)s WHERE id = %(at)s",
            at=st.just(ACCOUNTS[2]), to=st.sampled_from(PEOPLE),
        ),
    ),
    min_size=5, max_size=20,
)  # fmt: skip
STILL = st.fixed_dictionaries(
    {"title": titles, "price": prices, "printed_on": st.none(), "account_id": st.just(ACCOUNTS[0])}
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(databases: Databases) -> AsyncIterator[Library]:
    async with shelves(databases, "paging") as it:
        yield it


@asynccontextmanager
async def writing(url: str, changes: list[Change]) -> AsyncGenerator[None]:
    """Has the changes made over and over, on a connection of its own, as long as the block lasts."""
    over = asyncio.Event()

    async def write(session: psycopg.AsyncConnection[Any]) -> None:
        for number, (statement, values) in enumerate(cycle(changes)):
            if over.is_set() or number == MOST_CHANGES:
                return
            await session.execute(statement, values)

    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as session,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(write(session))
        try:
            yield
        finally:
            over.set()


@pytest.mark.parametrize("sort", SORTS)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    still=st.lists(STILL, min_size=5, max_size=15), changes=CHANGES, limit=st.integers(1, 4),
    who=st.sampled_from(["rep", "admin"]),
)  # fmt: skip
async def test_what_stays_where_it_is_comes_once_while_others_write(
    library: Library, sort: str, still: list[dict[str, Any]], changes: list[Change], limit: int, who: str
) -> None:
    rows = [plain_row(990 + n * 11, **values) for n, values in enumerate(still)]
    await store(library, rows + [plain_row(id.int, title="m", account_id=ACCOUNTS[1]) for id in MOVING])
    async with writing(library.url, changes):
        found = await walked(library, who, {"sort": sort}, limit)
    staying = {str(row["id"]) for row in rows}
    assert [id for id in found if id in staying] == [str(row["id"]) for row in in_order(rows, sort)]
