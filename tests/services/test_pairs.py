"""Every filter and sort that a list declares together is found by an index, for whoever asks; deep pages as the first.

50,000 rows a table; `make bench` has a million.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from services.kit.grammar import Pair
from services.opportunities.pipeline.queries import OPPORTUNITIES
from tests.filled import VIEWERS
from tests.pairs import ALL, LIMIT, Case, Filled, Shelf
from tests.plans import Plan
from tests.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(databases: Databases) -> AsyncIterator[Filled]:
    async with AsyncExitStack() as stack:
        yield Filled(databases, stack, 50_000)


@pytest.mark.parametrize("who", VIEWERS)
@pytest.mark.parametrize("name", ALL)
async def test_every_declared_pair_is_found_by_an_index(filled: Filled, name: str, who: str) -> None:
    shelf = Shelf(filled, *ALL[name])
    found = {str(case.query): await shelf.wanting(who, case) for case in shelf.cases()}
    assert len(found) > len(shelf.described.orders)
    assert {query: wrong for query, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("who", ["many", "executive"])
@pytest.mark.parametrize("name", ALL)
async def test_a_deep_page_reads_no_more_than_the_first(filled: Filled, name: str, who: str) -> None:
    shelf = Shelf(filled, *ALL[name])
    deeper: dict[str, str] = {}
    async with await psycopg.AsyncConnection.connect(filled.url(shelf.service), autocommit=True) as session:
        for case in shelf.cases():
            if case.narrow or case.values > 1:
                continue
            first, deep = await shelf.explained(who, case.query), await shelf.deep(session, who, case)
            deeper[str(case.query)] = shelf.too_deep(who, case, first, deep)
    assert {query: wrong for query, wrong in deeper.items() if wrong} == {}


async def test_a_pair_without_its_index_is_noticed(filled: Filled) -> None:
    planted = replace(OPPORTUNITIES, pairs={**OPPORTUNITIES.pairs, "currency": Pair(("created_at", "name"))})
    shelf = Shelf(filled, "opportunities", planted)
    with psycopg.connect(filled.url(shelf.service), autocommit=True) as connection:
        connection.execute("UPDATE opportunity SET currency = 'rare' WHERE id = numbered(77)")
    case = Case({"currency": "rare", "sort": "name"}, "currency")
    assert "reads" in await shelf.wanting("executive", case)


COUNTED = """
EXPLAIN (ANALYZE, FORMAT JSON)
SELECT r.id, r.name FROM account r WHERE r.deleted_at IS NULL ORDER BY r.{} LIMIT {} OFFSET {}"""


@pytest.mark.parametrize("sort", ["name", "created_at"])
@pytest.mark.parametrize(("offset", "wrong"), [(0, False), (1_000, True)])
async def test_a_page_found_by_counting_rows_is_noticed(
    filled: Filled, sort: LiteralString, offset: int, wrong: bool
) -> None:
    shelf, case = Shelf(filled, *ALL["contacts account"]), Case({"sort": sort})
    query = sql.SQL(COUNTED).format(sql.Identifier(sort), LIMIT + 1, offset)
    counted = Plan(filled.rows(shelf.service, query)[0][0][0]["Plan"])
    said = shelf.too_deep("executive", case, await shelf.explained("executive", case.query), counted)
    assert said.startswith("a deep page reads 10") is wrong, said


async def test_a_page_that_looks_at_many_blocks_for_its_rows_is_noticed(filled: Filled) -> None:
    shelf, case = Shelf(filled, *ALL["contacts account"]), Case({"sort": "name"})
    first = await shelf.explained("executive", case.query)
    blocks = 2 * first.buffers + LIMIT + 1
    at_the_most, beyond = (
        Plan({**first.tree, "Shared Hit Blocks": each, "Shared Read Blocks": 0})
        for each in (blocks, blocks + 1)
    )
    assert shelf.too_deep("executive", case, first, at_the_most) == ""
    assert shelf.too_deep("executive", case, first, beyond).startswith(f"a deep page looks at {blocks + 1}")
