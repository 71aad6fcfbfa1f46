"""Every filter and sort that a list declares together is found by an index, for whoever asks; deep pages as the first.

50,000 rows a table; `make bench` has a million.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import psycopg
import pytest
import pytest_asyncio

from services.kit.grammar import Pair
from services.opportunities.pipeline.queries import OPPORTUNITIES
from tests.filled import VIEWERS
from tests.pairs import ALL, Case, Filled, Shelf
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
    deeper: dict[str, tuple[int, int]] = {}
    async with await psycopg.AsyncConnection.connect(filled.url(shelf.service), autocommit=True) as session:
        for case in shelf.cases():
            if case.narrow or case.values > 1:
                continue
            first, deep = await shelf.costs_deep(session, who, case)
            if deep > 1.5 * first + 50:
                deeper[str(case.query)] = (first, deep)
    assert deeper == {}


async def test_a_pair_without_its_index_is_noticed(filled: Filled) -> None:
    planted = replace(OPPORTUNITIES, pairs={**OPPORTUNITIES.pairs, "currency": Pair(("created_at", "name"))})
    shelf = Shelf(filled, "opportunities", planted)
    with psycopg.connect(filled.url(shelf.service), autocommit=True) as connection:
        connection.execute("UPDATE opportunity SET currency = 'rare' WHERE id = numbered(77)")
    case = Case({"currency": "rare", "sort": "name"}, "currency")
    assert "reads" in await shelf.wanting("executive", case)
