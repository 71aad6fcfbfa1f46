"""A hundred requests at once, to two processes on one database: one effect, whoever asks how often."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from services.contacts.main import SERVICE
from services.kit.clients import AsyncClient
from tests.apis import api_of, as_, prepared
from tests.conftest import DatabaseUrl
from tests.house.grounds import Ground, contacts
from tests.problems import assert_problem

HUNDRED = 100
SLOT = "/v1/accounts/by-external-id/crm/A-1"


@dataclass
class Pair:
    """Two processes of contacts on one database."""

    ground: Ground
    other: AsyncClient

    async def ask_often(self, method: str, path: str, body: Any, **headers: str) -> list[Any]:
        """A hundred answers to the same request, every other one of the other process."""
        sent = as_("seller", **headers)
        both = (self.ground.client, self.other)
        asked = (both[n % 2].request(method, path, json=body, headers=sent) for n in range(HUNDRED))
        return await asyncio.gather(*asked)

    async def told(self) -> int:
        """How many changes of accounts there have been."""
        return await self._count("SELECT count(*) FROM journal WHERE aggregate = 'account'")

    async def named(self) -> int:
        """How many accounts have an id of the other system."""
        return await self._count("SELECT count(*) FROM account WHERE external_ids ? 'crm'")

    async def _count(self, query: Any) -> int:
        async with await psycopg.AsyncConnection.connect(self.ground.url, autocommit=True) as session:
            row = await (await session.execute(query)).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
async def pair(database_url: DatabaseUrl) -> AsyncIterator[Pair]:
    async with (
        contacts(database_url("contacts", prepared(SERVICE))) as ground,
        api_of(SERVICE, ground.url, ground.callers) as other,
    ):
        yield Pair(ground, other)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
async def test_of_a_hundred_under_one_key_one_has_an_effect(pair: Pair, method: str) -> None:
    account = f"/v1/accounts/{pair.ground.ids['accounts']}"
    path = {"POST": "/v1/accounts", "PATCH": account, "PUT": SLOT}[method]
    before = await pair.told()
    matched = {"if_match": '"1"'} if method == "PATCH" else {}
    answers = await pair.ask_often(method, path, {"name": "一次"}, key="once", **matched)
    good = [answer for answer in answers if answer.is_success]
    assert {(each.status_code, each.content, each.headers["etag"]) for each in good} == {
        (good[0].status_code, good[0].content, good[0].headers["etag"])
    }
    assert sum("idempotency-replayed" not in each.headers for each in good) == 1
    for answer in answers:
        if not answer.is_success:
            assert_problem(answer, 409, "request_running")
            assert int(answer.headers["retry-after"]) > 0
    assert await pair.told() == before + 1


async def test_a_hundred_who_put_one_new_id_make_one_row(pair: Pair) -> None:
    before = await pair.told()
    answers = await pair.ask_often("PUT", SLOT, {"name": "一次"})
    made = [answer for answer in answers if answer.status_code == 201]
    assert len(made) == 1
    for answer in answers:
        if not answer.is_success:
            assert_problem(answer, 503, "locked")
            assert int(answer.headers["retry-after"]) > 0
        else:
            assert (answer.status_code in (200, 201), answer.content) == (True, made[0].content)
    assert (await pair.named(), await pair.told()) == (1, before + 1)
