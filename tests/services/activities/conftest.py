"""Activities on a database of its own, with what other services told it, and other services that can be asked."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from services.activities.handlers import HANDLERS
from services.activities.main import SERVICE
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.db import Session
from services.kit.events import Event
from services.kit.handlers import Batch
from services.kit.ids import new_id
from tests.apis import Callers, api_of, as_, callers, prepared
from tests.conftest import DatabaseUrl
from tests.servers import Databases
from tests.services.elsewhere import Owners, event_of


@dataclass
class House:
    """The service under test: a client, its callers, the owners it asks, and every statement that was executed."""

    client: AsyncClient
    callers: Callers
    owners: Owners
    statements: list[str]
    url: str
    session: Session
    members: dict[str, str]
    account: str = ""
    deal: str = ""
    people: Sequence[str] = ()

    async def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Sends a request as the named caller."""
        return await self.client.request(method, path, json=body, headers=as_(who, **headers))

    async def hear(self, aggregate: str, fact: str = "created", version: int = 1, **data: Any) -> str:
        """Hands an event to the service's handler and gives its subject's id."""
        subject = str(data.setdefault("id", str(new_id())))
        await self.handle(aggregate, [event_of(aggregate, fact, version, data)])
        return subject

    async def handle(self, aggregate: str, events: Sequence[Event]) -> None:
        """Hands events of one aggregate to the service's handler, as one batch."""
        handler = HANDLERS[aggregate]
        assert isinstance(handler, Batch)
        async with self.session.transaction():
            await handler.handle(self.session, events)

    async def hire(self, name: str, *roles: str, manager: str | None = None, **more: Any) -> str:
        """Makes a member known here, and the caller of that name; gives the member's id."""
        told: dict[str, Any] = {
            "name": name.title(),
            "email": f"{name}@example.com",
            "function": "SALES",
            "active": True,
        }
        manager_id = self.members[manager] if manager else None
        id = await self.hear("member", **told, manager_id=manager_id, external_ids={}, **more)
        self.callers.add(name, *(roles or ("rep",)), member_id=UUID(id))
        self.members[name] = id
        return id

    async def open_account(self, owner: str | None, *team: str, name: str = "云山电网", **more: Any) -> str:
        """Makes an account known here; gives its id."""
        seats = [{"member_id": self.members[one], "function": "PRESALES"} for one in team]
        owner_id = self.members[owner] if owner else None
        return await self.hear("account", name=name, owner_id=owner_id, team=seats, external_ids={}, **more)

    async def make(self, who: str, **body: Any) -> dict[str, Any]:
        """An activity as the caller makes it: a visit planned at the account unless the body says otherwise."""
        answer = await self.call(who, "POST", "/v1/activities", self.visit(**body))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def visit(self, **body: Any) -> dict[str, Any]:
        """The body of a new activity."""
        told = {"type": "VISIT", "subject": "拜访总工程师", "account_id": self.account} | body
        if told.get("status", "PLANNED") != "DONE":
            return {"planned_start_at": "2030-03-01T09:00:00Z"} | told
        return {"started_at": "2026-03-01T09:00:00Z"} | told

    async def written(self) -> list[tuple[Any, ...]]:
        """How much is written: versions of rows, journal entries, kept answers."""
        return await self.rows(
            "SELECT (SELECT sum(version) FROM activity), (SELECT sum(version) FROM time_log),"
            " (SELECT count(*) FROM journal), (SELECT count(*) FROM idempotency_key)"
        )

    async def rows(self, statement: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        return await (await self.session.execute(statement)).fetchall()


def refused(answer: Any) -> dict[str, str]:
    """The fields that a refusal names, with their codes."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


MEMBERS = {name: str(new_id()) for name in ("boss", "seller", "teammate", "stranger")}
ACCOUNT, DEAL = str(new_id()), str(new_id())
PEOPLE = {str(new_id()): name for name in ("李雷", "韩梅梅")}


def scene(url: str) -> None:
    """Makes a database this service's: a seller below a boss, a teammate on the seller's account, and a stranger."""
    prepared(SERVICE)(url)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _play(url)).result()


async def _play(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as session:
        house = House(AsyncClient(), callers(), Owners(), [], url, session, {})
        for name, id in MEMBERS.items():
            await house.hire(name, manager="boss" if name == "seller" else None, id=id)
        await house.open_account("seller", "teammate", id=ACCOUNT)
        for id, name in PEOPLE.items():
            await house.hear("contact", id=id, account_id=ACCOUNT, name=name, title=None)
        deal: dict[str, Any] = {"id": DEAL, "name": "变电站改造", "account_id": ACCOUNT, "status": "OPEN"}
        await house.hear("opportunity", **deal, owner_id=MEMBERS["seller"], stage="ENGAGEMENT")


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[House]:
    """The house on a database where the scene is set."""
    known, owners = callers(), Owners()
    for name, id in MEMBERS.items():
        known.add(name, *(("manager", "rep") if name == "boss" else ("rep",)), member_id=UUID(id))
    statements: list[str] = []
    peers = AsyncClient(transport=ASGITransport(owners))
    async with (
        api_of(SERVICE, url, known, peers=peers, on_statement=statements.append) as client,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as session,
    ):
        yield House(
            client, known, owners, statements, url, session, dict(MEMBERS), ACCOUNT, DEAL, list(PEOPLE)
        )


@pytest.fixture
async def house(database_url: DatabaseUrl) -> AsyncIterator[House]:
    async with opened(database_url("activities", scene)) as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(databases: Databases) -> AsyncIterator[House]:
    """One house for a module whose tests leave nothing behind: refusals, reads."""
    url = databases.create("activities", scene)
    async with opened(url) as house:
        yield house
    databases.drop(url)
