"""Contacts on a database of its own, with a seller, a manager above and a stranger beside."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from services.contacts.main import SERVICE
from services.kit.clients import AsyncClient
from services.kit.testing import Callers, api_of, as_, callers, prepared
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
