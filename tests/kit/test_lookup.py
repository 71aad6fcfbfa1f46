"""Lookups: what an owner shows of the references that another service asks about."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from services.kit import lookup
from services.kit.calls import Call
from services.kit.clients import AsyncClient
from services.kit.identity import Viewer
from services.kit.journal import Cause
from services.kit.lookup import MOST, LookupRequest
from services.kit.problems import Unavailable
from tests.conftest import DatabaseUrl
from tests.kit.library import BOOKS, Library, database, opened, prepare


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("lookup", prepare)) as it:
        yield it


async def test_an_owner_shows_what_the_caller_sees_of_what_is_asked(library: Library) -> None:
    rep = library.callers.viewers["rep"]
    await library.rows(
        "INSERT INTO person_up (viewer_id, member_id) VALUES (%(id)s, %(id)s)", id=rep.member_id
    )
    made: list[dict[str, Any]] = []
    for n, owner in enumerate((rep.member_id, rep.member_id, None)):
        body = {"title": f"b{n}", "owner_id": owner and str(owner), "external_ids": {"shop": str(n)}}
        made.append((await library.call("admin", "POST", "/v1/books", body)).json())
    gone = made[1]["id"]
    await library.call("admin", "DELETE", f"/v1/books/{gone}", if_match="*")
    ids = [UUID(one["id"]) for one in made]
    keys = [lookup.ExternalId(source="shop", id=str(n)) for n in range(4)]
    everything = LookupRequest(ids=[*ids, uuid4()], external_ids=keys)
    async with database(library.url) as db, db.connect() as session:
        for asked in (LookupRequest(ids=ids), LookupRequest(external_ids=keys), everything):
            found = orjson.loads(await lookup.find(session, BOOKS, asked, rep))
            assert found == {"items": [made[0]]}
        admin = Viewer("admin", "x", roles=frozenset({"admin"}))
        found = orjson.loads(await lookup.find(session, BOOKS, everything, admin))
        assert {one["id"] for one in found["items"]} == {made[0]["id"], made[2]["id"]}
        assert await lookup.find(session, BOOKS, LookupRequest(), rep) == '{"items":[]}'


class Owner:
    """A service that shows every row it is asked about, or answers as it is told."""

    def __init__(self, answer: httpx.Response | None = None) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        rows = [{"id": id, "version": 1} for id in orjson.loads(request.content)["ids"]]
        return self.answer or httpx.Response(200, json={"items": rows})


def call(client: AsyncClient) -> Call:
    cause = Cause(actor="x", request_id="request-4711")
    none: Any = None
    return Call(Viewer("x", "y"), cause, none, none, none, client, "the token", none)


async def ask(owner: Owner, ids: list[UUID]) -> list[dict[str, Any]]:
    async with AsyncClient(transport=httpx.MockTransport(owner)) as client:
        return await lookup.ask(call(client), "http://contacts", "members", ids)


async def test_an_owner_is_asked_with_the_callers_own_token() -> None:
    owner, id = Owner(), uuid4()
    assert await ask(owner, [id, id]) == [{"id": str(id), "version": 1}]
    [request] = owner.asked
    assert request.url == "http://contacts/v1/members/lookup"
    assert request.headers["authorization"] == "Bearer the token"
    assert request.headers["x-request-id"] == "request-4711"


async def test_many_references_are_asked_about_in_parts() -> None:
    owner, ids = Owner(), [uuid4() for _ in range(2 * MOST + 1)]
    found = await ask(owner, ids)
    assert [row["id"] for row in found] == [str(id) for id in ids]
    assert len(owner.asked) == 3
    assert await ask(owner, []) == []
    assert len(owner.asked) == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503), httpx.Response(401), httpx.Response(200, content=b"<html>"), httpx.Response(200, json={}),
    ],
    ids=["unavailable", "refused", "no JSON", "another shape"],
)  # fmt: skip
async def test_an_owner_that_cannot_say_is_a_passing_trouble(answer: httpx.Response) -> None:
    with pytest.raises(Unavailable) as refused:
        await ask(Owner(answer), [uuid4()])
    assert refused.value.code == "reference_unverified"
    assert refused.value.headers["Retry-After"] == "1"
