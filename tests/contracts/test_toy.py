"""A resource that the kit has never heard of follows every rule, by the rooms alone and in few lines."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr

from gateway.views.openapi import SECURITY, SOME_ISSUER, schemes
from services.kit.app import create_api
from services.kit.clients import AsyncClient
from tests.apis import Callers, as_, callers, prepared, serving
from tests.conftest import DatabaseUrl
from tests.contracts.rules.answers import ANSWERS
from tests.contracts.rules.behaviour import REFUSALS
from tests.contracts.rules.conduct import CONDUCT, Conduct
from tests.contracts.rules.naming import NAMING
from tests.contracts.rules.reading import operations
from tests.contracts.rules.requests import REQUESTS
from tests.contracts.rules.rule import Rule
from tests.contracts.toyshop.main import SERVICE
from tests.house.grounds import Bodies, Ground
from tests.kit.library import LibrarySettings

BODIES: Bodies = {
    "POST /v1/rivals": [{"name": "Initech"}],
    "PUT /v1/rivals/by-external-id/{source}/{external_id}": [{"name": "Hooli"}],
    "PATCH /v1/rivals/{id}": [{"name": "Umbrella"}],
    "POST /v1/rivals/{id}/restoration": [None],
    "DELETE /v1/rivals/{id}": [None],
}
TOY = Path(__file__).parent / "toy"
ROOMS = {"__init__.py", "queries.py", "routes.py", "schemas.py", "service.py", "tables.py"}


@asynccontextmanager
async def toy(url: str, known: Callers) -> AsyncGenerator[AsyncClient]:
    """The toy's API on a prepared database."""
    async with serving(create_api(SERVICE, LibrarySettings(url=SecretStr(url)), judge=known)) as client:
        yield client


async def _member(url: str) -> UUID:
    """The id of a new member, as an event would have told of one."""
    id = uuid4()
    async with await psycopg.AsyncConnection.connect(url) as session:
        await session.execute(
            "INSERT INTO member (id, version, partition_key, created_at, created_by, updated_at, updated_by, name)"
            " VALUES (%(id)s, 1, %(id)s, now(), 'test', now(), 'test', 'Somebody')",
            {"id": id},
        )
    return id


def _document() -> dict[str, object]:
    """What the toy says of itself, each operation secured as the gateway does it."""
    document = create_api(
        SERVICE, LibrarySettings(url=SecretStr("postgresql://nobody@127.0.0.1/none"))
    ).openapi()
    document["components"]["securitySchemes"] = schemes(SOME_ISSUER)
    for item in document["paths"].values():
        for told in item.values():
            told["security"] = SECURITY
    return document


def test_it_is_one_folder_of_the_usual_rooms_and_at_most_200_lines() -> None:
    rooms = [file for file in TOY.rglob("*") if "__pycache__" not in file.parts]
    assert {file.name for file in rooms} == ROOMS
    assert sum(len(file.read_text().splitlines()) for file in rooms) <= 200


@pytest.mark.parametrize("rule", [*NAMING, *REQUESTS, *ANSWERS], ids=lambda each: each.says)
def test_it_breaks_no_rule(rule: Rule) -> None:
    offenders = rule.offenders(_document())
    assert not offenders, "\n".join(offenders)


async def test_it_refuses_what_is_not_as_it_should_be(database_url: DatabaseUrl) -> None:
    async with toy(database_url(prepare=prepared(SERVICE)), callers()) as client:
        asked = [(refusal, each) for refusal in REFUSALS for each in operations(_document())]
        told = [await refusal.broken(client, each) for refusal, each in asked]
    wrong = [offence for offence in told if offence]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("conduct", CONDUCT, ids=lambda each: each.says)
async def test_it_keeps_to_what_callers_rely_on(conduct: Conduct, database_url: DatabaseUrl) -> None:
    known, url = callers(), database_url(prepare=prepared(SERVICE))
    for name in ("seller", "stranger"):
        known.add(name, "rep", member_id=await _member(url))
    async with toy(url, known) as client:
        ground = Ground(SERVICE, client, known, [], url, bodies=BODIES)
        ground.ids["rivals"] = await ground.make("/v1/rivals", {"name": "Globex"})
        wrong = await conduct.offenders(ground, operations(_document()))
    assert not wrong, "\n".join(wrong)


async def test_a_row_lives_dies_and_comes_back(database_url: DatabaseUrl) -> None:
    known, url = callers(), database_url(prepare=prepared(SERVICE))
    for name in ("rep", "other"):
        known.add(name, "rep", member_id=await _member(url))
    async with toy(url, known) as client:
        made = await client.post("/v1/rivals", json={"name": "Globex"}, headers=as_("rep", key="once"))
        again = await client.post("/v1/rivals", json={"name": "Globex"}, headers=as_("rep", key="once"))
        assert (made.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
        path = made.headers["Location"]
        assert (await client.get(path, headers=as_("other"))).status_code == 404
        had = await client.get(path, headers={**as_("rep"), "If-None-Match": made.headers["ETag"]})
        assert had.status_code == 304
        changed = await client.patch(path, json={"name": "Initech"}, headers=as_("rep", if_match='"1"'))
        assert changed.json()["version"] == 2
        late = await client.patch(path, json={"name": "Hooli"}, headers=as_("rep", if_match='"1"'))
        assert (late.status_code, late.json()["current"]) == (412, changed.json())
        history = (await client.get(f"{path}/history", headers=as_("rep"))).json()["items"]
        assert [each["version"] for each in history] == [2, 1]
        born = await client.get(f"{path}?as_of={history[1]['recorded_at']}", headers=as_("rep"))
        assert born.json() == made.json()
        assert (await client.delete(path, headers=as_("rep", if_match='"2"'))).status_code == 200
        assert (await client.get("/v1/rivals", headers=as_("rep"))).json()["items"] == []
        back = await client.post(f"{path}/restoration", headers=as_("rep"))
        assert (back.status_code, back.json()["name"]) == (200, "Initech")
        put = await client.put(
            "/v1/rivals/by-external-id/erp/7", json={"name": "Umbrella"}, headers=as_("rep")
        )
        assert (put.status_code, put.json()["external_ids"]) == (201, {"erp": "7"})
