"""The declared pairs of filter and sort are found by their indexes, and a deep page costs what the first costs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.kit.library import BOOKS, Library
from tests.kit.shelves import ONE_ACCOUNT, ONE_OWNER, ask, shelves
from tests.plans import plan_of
from tests.servers import Databases

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("lists")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large(databases: Databases) -> AsyncIterator[Library]:
    """20,000 books of 400 accounts and 50 owners."""
    async with shelves(databases, "large") as it:
        await it.rows(
            "INSERT INTO book (id, version, partition_key, created_at, created_by, updated_at, updated_by, title,"
            " genre, sold, price, printed_on, account_id, owner_id)"
            " SELECT id, 1, id, now() + n * interval '1 second', 'x', now(), 'x', md5(n::text), 'NOVEL', false,"
            "  nullif(n %% 500, 0), date '2026-01-01' + n %% 500,"
            "  ('00000000-0000-0000-0001-' || lpad((n %% 400)::text, 12, '0'))::uuid,"
            "  ('00000000-0000-0000-0002-' || lpad((n %% 50)::text, 12, '0'))::uuid"
            " FROM (SELECT n, uuidv7() AS id FROM generate_series(1, 20000) n) numbered"
        )
        await it.rows("ANALYZE")
        yield it


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "book_title"),
        ({"sort": "-title"}, "book_title"),
        ({"sort": "created_at"}, "book_born"),
        ({"sort": "-created_at"}, "book_born"),
        ({"sort": "price"}, "book_price_up"),
        ({"sort": "-price"}, "book_price_down"),
        ({"sort": "printed_on"}, "book_printed_up"),
        ({"sort": "-printed_on"}, "book_printed_down"),
        ({"owner_id": ONE_OWNER}, "book_owner"),
        ({"account_id": ONE_ACCOUNT}, "book_account"),
        ({"owner_id": ONE_OWNER, "sort": "-title"}, "book_owner"),
        ({"q": "0123"}, "book_search"),
    ],
)
async def test_a_page_is_found_by_an_index(large: Library, query: dict[str, str], index: str) -> None:
    for who in ("admin", "rep"):
        for deep in (False, True):
            cursor = {"cursor": (await ask(large, **query, limit=5)).json()["next_cursor"]} if deep else {}
            told = [*query.items(), ("limit", "50"), *cursor.items()]
            plan = await plan_of(large.url, BOOKS, large.callers.viewers[who], told)
            assert "" not in plan.indexes("book"), plan.tree
            if who == "admin":
                assert plan.indexes("book") == {index}, plan.tree


@pytest.mark.parametrize("sort", ["title", "-price"])
async def test_a_deep_page_reads_no_more_than_the_first(large: Library, sort: str) -> None:
    query: dict[str, str] = {"sort": sort}
    for _ in range(3):
        plan = await plan_of(
            large.url, BOOKS, large.callers.viewers["admin"], [*query.items(), ("limit", "100")]
        )
        assert plan.rows("book") <= 101, plan.tree
        for _ in range(20):
            query["cursor"] = (await ask(large, **query, limit=200)).json()["next_cursor"]
