"""Rows put under the id that another system knows them by: the same contract for every noun."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql

from tests.apis import as_, prepared
from tests.conftest import DatabaseUrl
from tests.house.grounds import GROUNDS, Ground
from tests.problems import assert_problem

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Noun:
    """A noun with external ids: who puts it, what is put, and a field that is not among it, with another value."""

    service: str
    table: str
    who: str
    body: Callable[[Mapping[str, str]], Body]
    other: Body

    @property
    def everybody_sees(self) -> bool:
        return self.who == "admin"


NOUNS = {
    "members": Noun(
        "contacts", "member", "admin",
        lambda ids: {"email": "put@example.com", "name": "李雷", "manager_id": ids["boss"]}, {"function": "RND"},
    ),
    "accounts": Noun(
        "contacts", "account", "seller", lambda _: {"name": "云山电网", "team": []}, {"region": "华东"}
    ),
    "contacts": Noun(
        "contacts", "contact", "seller",
        lambda ids: {"name": "韩梅梅", "account_id": ids["accounts"]}, {"title": "总工"},
    ),
    "opportunities": Noun(
        "opportunities", "opportunity", "seller",
        lambda ids: {
            "name": "改造", "account_id": ids["accounts"], "owner_id": None,
            "stage_entered_at": "2026-01-01T08:00:00Z",
        },
        {"amount": 100},
    ),
    "products": Noun(
        "opportunities", "product", "admin", lambda _: {"name": "GTX Pro", "list_price": 1}, {"series": "GTX"}
    ),
    "activities": Noun(
        "activities", "activity", "seller",
        lambda ids: {
            "type": "VISIT", "subject": "拜访", "account_id": ids["accounts"],
            "planned_start_at": "2030-01-01T08:00:00Z",
        },
        {"minutes": 30},
    ),
}  # fmt: skip


@dataclass
class Shelf:
    """The noun on its ground."""

    noun: Noun
    ground: Ground
    plural: str

    @property
    def path(self) -> str:
        return f"/v1/{self.plural}/by-external-id/crm/A%20云-1"

    @property
    def body(self) -> Body:
        return self.noun.body(self.ground.ids)

    async def put(self, body: Body | None = None, path: str = "", who: str = "", **headers: str) -> Any:
        sent = as_(who or self.noun.who, **headers) | {
            name.replace("_", "-"): value for name, value in headers.items() if name == "if_none_match"
        }
        return await self.ground.client.put(
            path or self.path, json=self.body if body is None else body, headers=sent
        )

    async def rows(self, statement: str) -> list[Any]:
        async with await psycopg.AsyncConnection.connect(self.ground.url, autocommit=True) as session:
            named = sql.SQL(statement).format(table=sql.Identifier(self.noun.table))  # pyright: ignore[reportArgumentType]
            cursor = await session.execute(named)
            return await cursor.fetchall() if cursor.description else []

    async def told(self, id: str) -> int:
        """How many entries the journal has of a row."""
        of = f"aggregate = '{self.noun.table}' AND aggregate_id = '{id}'"
        return (await self.rows("SELECT count(*) FROM journal WHERE " + of))[0][0]


@asynccontextmanager
async def shelved(name: str, database_url: DatabaseUrl) -> AsyncGenerator[Shelf]:
    noun = NOUNS[name]
    service, opened = GROUNDS[noun.service]
    async with opened(database_url(service.name, prepared(service))) as ground:
        yield Shelf(noun, ground, name)


@pytest.fixture(params=NOUNS)
async def shelf(request: pytest.FixtureRequest, database_url: DatabaseUrl) -> AsyncIterator[Shelf]:
    async with shelved(request.param, database_url) as it:
        yield it


async def test_what_is_put_is_made_once_and_then_changed_in_what_is_named(shelf: Shelf) -> None:
    made = await shelf.put()
    assert (made.status_code, made.headers["etag"]) == (201, '"1"'), made.text
    row = made.json()
    assert made.headers["location"] == f"/v1/{shelf.plural}/{row['id']}"
    assert row["external_ids"] == {"crm": "A 云-1"}
    again = await shelf.put()
    assert (again.status_code, again.content, "location" in again.headers) == (200, made.content, False)
    assert await shelf.told(row["id"]) == 1
    changed = await shelf.put(shelf.body | shelf.noun.other | {"external_ids": {"erp": "9"}})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"'), changed.text
    assert changed.json()["external_ids"] == {"crm": "A 云-1", "erp": "9"}
    assert changed.json().items() >= shelf.noun.other.items()
    plain = await shelf.put()
    assert plain.content == changed.content, "what is not named stays as it is"
    assert await shelf.told(row["id"]) == 2


async def test_what_is_put_may_depend_on_a_version_or_on_there_being_none(shelf: Shelf) -> None:
    for tag in ("*", '"1"'):
        assert_problem(await shelf.put(if_match=tag), 412, "not_there")
    made = await shelf.put(if_none_match="*")
    assert made.status_code == 201, made.text
    there = await shelf.put(if_none_match="*")
    assert assert_problem(there, 412, "already_exists")["current"] == made.json()
    assert there.headers["etag"] == '"1"'
    changed = await shelf.put(shelf.body | shelf.noun.other, if_match='"1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"'), changed.text
    late = await shelf.put(if_match='"1"')
    assert assert_problem(late, 412, "version_conflict")["current"] == changed.json()
    assert late.headers["etag"] == '"2"'
    assert (await shelf.put(if_match="*")).status_code == 200
    both = await shelf.put(if_match="*", if_none_match="*")
    assert assert_problem(both, 422, "invalid")["errors"][0]["field"] == "If-None-Match"
    assert (await shelf.put(if_none_match='"1"')).status_code == 422


async def test_what_is_put_twice_under_a_key_is_answered_as_before(shelf: Shelf) -> None:
    first = await shelf.put(key="k")
    await shelf.put(shelf.body | shelf.noun.other)
    again = await shelf.put(key="k")
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotency-replayed"] == "true"
    changed = await shelf.put(shelf.body | shelf.noun.other, key="k2")
    replayed = await shelf.put(shelf.body | shelf.noun.other, key="k2")
    assert (replayed.status_code, replayed.content) == (200, changed.content)
    assert "location" not in replayed.headers


@pytest.mark.parametrize("key", [{}, {"key": "k"}])
async def test_of_many_who_put_the_same_at_once_one_makes_it(shelf: Shelf, key: dict[str, str]) -> None:
    answers = await asyncio.gather(*(shelf.put(None, **key) for _ in range(20)))
    fresh = [
        each for each in answers if each.status_code == 201 and "idempotency-replayed" not in each.headers
    ]
    assert len(fresh) == 1, [(each.status_code, each.text) for each in answers]
    rest = [each for each in answers if each is not fresh[0]]
    assert {each.status_code for each in rest} <= ({201, 409} if key else {200, 503})
    assert {each.content for each in rest if each.status_code < 300} == {fresh[0].content}
    assert all("retry-after" in each.headers for each in rest if each.status_code > 300)
    assert await shelf.rows("SELECT count(*) FROM {table} WHERE external_ids ? 'crm'") == [(1,)]
    assert await shelf.told(fresh[0].json()["id"]) == 1


async def test_an_id_that_is_taken_is_told_without_what_by(shelf: Shelf) -> None:
    made = (await shelf.put()).json()
    stranger = await shelf.put(who="stranger")
    if shelf.noun.everybody_sees:
        assert_problem(stranger, 403, "admin_only")
    else:
        problem = assert_problem(stranger, 409, "taken")
        assert made["id"] not in stranger.text
        assert "current" not in problem
    other = await shelf.put(shelf.body | {"external_ids": {"crm": "B"}})
    errors = assert_problem(other, 422, "invalid")["errors"]
    assert (errors[0]["field"], errors[0]["code"]) == ("external_ids.crm", "disagrees")


async def test_what_is_deleted_is_not_made_again(shelf: Shelf) -> None:
    made = (await shelf.put()).json()
    await shelf.rows("UPDATE {table} SET deleted_at = now() WHERE external_ids ? 'crm'")
    gone = await shelf.put(who="admin")
    restoration = f"POST /v1/{shelf.plural}/{made['id']}/restoration"
    assert restoration in assert_problem(gone, 409, "deleted")["detail"]
    assert await shelf.told(made["id"]) == 1


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("CRM/1", "source"),
        ("a b/1", "source"),
        (f"{'a' * 41}/1", "source"),
        (f"crm/{'1' * 201}", "external_id"),
        ("crm/a%00b", "external_id"),
    ],
)
async def test_a_slot_that_cannot_be_is_refused_by_name(
    path: str, field: str, database_url: DatabaseUrl
) -> None:
    async with shelved("accounts", database_url) as shelf:
        refused = await shelf.put(path=f"/v1/accounts/by-external-id/{path}")
        assert [e["field"] for e in assert_problem(refused, 422, "invalid")["errors"]] == [field]


async def test_a_person_stays_at_their_account(database_url: DatabaseUrl) -> None:
    async with shelved("contacts", database_url) as shelf:
        await shelf.put()
        elsewhere = await shelf.ground.make("/v1/accounts", {"name": "别处"})
        moved = await shelf.put(shelf.body | {"account_id": elsewhere})
        error = assert_problem(moved, 422, "invalid")["errors"][0]
        assert (error["field"], error["code"]) == ("account_id", "fixed")


async def test_a_deal_that_has_gone_on_is_put_again(database_url: DatabaseUrl) -> None:
    async with shelved("opportunities", database_url) as shelf:
        made = (await shelf.put()).json()
        await shelf.ground.ask(
            "seller", "POST", f"/v1/opportunities/{made['id']}/stage", {"to": "ENGAGEMENT"}
        )
        again = await shelf.put()
        assert (again.status_code, again.json()["stage"], again.json()["version"]) == (200, "ENGAGEMENT", 2)
