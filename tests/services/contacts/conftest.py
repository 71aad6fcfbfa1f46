"""Contacts on a database of its own, with a seller, a manager above and a stranger beside."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from services.contacts.main import SERVICE
from services.kit.clients import AsyncClient
from tests.apis import Callers, api_of, as_, callers, prepared
from tests.conftest import DatabaseUrl


@dataclass
class House:
    """The service under test: a client, its callers, and every statement that was executed."""

    client: AsyncClient
    callers: Callers
    statements: list[str]
    url: str

    async def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Sends a request as the named caller."""
        return await self.client.request(method, path, json=body, headers=as_(who, **headers))

    async def ok(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of an answer that has to be good."""
        answer = await self.call(who, method, path, body, **headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def rows(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """What another connection sees."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as other:
            cursor = await other.cursor(row_factory=dict_row).execute(query, values)
            return await cursor.fetchall() if cursor.description is not None else []

    async def entries(self, id: str) -> list[tuple[str, int]]:
        """What the journal tells of a row: types and versions, in order."""
        found = await self.rows(
            "SELECT type, version FROM journal WHERE aggregate_id = %(id)s ORDER BY id", id=id
        )
        return [(row["type"], row["version"]) for row in found]

    async def open(self, who: str, **values: Any) -> str:
        """Makes an account as the caller; gives its path."""
        answer = await self.call(who, "POST", "/v1/accounts", {"name": "Acme"} | values)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def meet(self, who: str, account: str, name: str = "Jane Roe", **values: Any) -> str:
        """Makes a person at the account with that path, as the caller; gives the person's path."""
        body = {"account_id": account.rpartition("/")[2], "name": name} | values
        answer = await self.call(who, "POST", "/v1/contacts", body)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def id_of(self, name: str) -> str:
        """The member id of a caller."""
        return str(self.callers.viewers[name].member_id)

    async def hire(self, name: str, *roles: str, manager_id: str | None = None) -> str:
        """Makes a member and the caller of that name; gives the member's id."""
        body = {"email": f"{name}@example.com", "name": name.title(), "manager_id": manager_id}
        answer = await self.call("admin", "POST", "/v1/members", body)
        assert answer.status_code == 201, answer.text
        self.callers.add(name, *(roles or ("rep",)), member_id=UUID(answer.json()["id"]))
        return answer.json()["id"]


@pytest.fixture
async def house(database_url: DatabaseUrl) -> AsyncIterator[House]:
    url = database_url("contacts", prepared(SERVICE))
    known = callers()
    statements: list[str] = []
    async with api_of(SERVICE, url, known, on_statement=statements.append) as client:
        house = House(client, known, statements, url)
        boss = await house.hire("boss", "manager", "rep")
        await house.hire("seller", manager_id=boss)
        await house.hire("stranger")
        yield house
