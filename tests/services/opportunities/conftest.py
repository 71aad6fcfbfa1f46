"""Opportunities on a database of its own, with what other services told it, and contacts that can be asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import settings

from services.kit import journal
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.events import Event
from services.kit.handlers import Batch
from services.kit.ids import new_id
from services.kit.journal import Cause
from services.opportunities.handlers import HANDLERS
from services.opportunities.main import SERVICE
from services.opportunities.products.queries import PRODUCT
from tests.apis import Callers, api_of, as_, callers, prepared
from tests.conftest import DatabaseUrl
from tests.services.elsewhere import Owners, event_of

# A busy machine is no failure of a rule.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@dataclass
class House:
    """The service under test: a client, its callers, the service it asks, and every statement that was executed."""

    client: AsyncClient
    callers: Callers
    contacts: Owners
    statements: list[str]
    url: str
    members: dict[str, str]
    account: str = ""
    people: Sequence[str] = ()

    async def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Sends a request as the named caller."""
        return await self.client.request(method, path, json=body, headers=as_(who, **headers))

    async def hear(self, aggregate: str, fact: str = "created", version: int = 1, **data: Any) -> str:
        """Hands an event to the service's handler and gives its subject's id."""
        subject = str(data.setdefault("id", str(new_id())))
        await self.deliver(event_of(aggregate, fact, version, data))
        return subject

    async def deliver(self, *events: Event) -> None:
        """Hands events of one aggregate to the service's handler, as one batch."""
        handler = HANDLERS[events[0].aggregate]
        assert isinstance(handler, Batch)
        async with await psycopg.AsyncConnection.connect(self.url, options="-c timezone=UTC") as session:
            await handler.handle(session, events)

    async def hire(self, name: str, *roles: str, manager: str | None = None) -> str:
        """Makes a member known here, and the caller of that name; gives the member's id."""
        told = member(name, str(new_id()), self.members[manager] if manager else None)
        id = await self.hear("member", **told)
        self.callers.add(name, *(roles or ("rep",)), member_id=UUID(id))
        self.members[name] = id
        return id

    async def open_account(self, owner: str | None, *team: str, name: str = "云山电网") -> str:
        """Makes an account known here; gives its id."""
        seats = [{"member_id": self.members[one], "function": "PRESALES"} for one in team]
        owner_id = self.members[owner] if owner else None
        return await self.hear("account", name=name, owner_id=owner_id, team=seats, external_ids={})

    async def meet(self, name: str, account: str | None = None) -> str:
        """Makes a person known here; gives the person's id."""
        return await self.hear("contact", **contact(name, str(new_id()), account or self.account))

    async def sell(self, name: str) -> str:
        """Makes a product; gives its id."""
        values: dict[str, Any] = {
            "name": name,
            "series": "MG",
            "list_price": 5500,
            "currency": "USD",
            "external_ids": {},
        }
        async with await psycopg.AsyncConnection.connect(self.url) as session:
            row = await journal.create(session, PRODUCT, values, Cause(actor="sub:test"))
        assert row is not None
        return str(row.id)

    async def deal(self, who: str = "seller", **body: Any) -> dict[str, Any]:
        """A deal as the caller opens it, at the account unless the body says otherwise."""
        told = {"name": "变电站改造", "account_id": self.account} | body
        answer = await self.call(who, "POST", "/v1/opportunities", told)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def move(self, who: str, deal: str, to: str, **body: Any) -> Any:
        """Moves the deal; gives the answer."""
        return await self.call(who, "POST", f"/v1/opportunities/{deal}/stage", {"to": to} | body)

    async def advance(self, deal: str, to: str) -> dict[str, Any]:
        """Moves the deal step by step until it is there; gives it."""
        stages = ["TARGETING", "ENGAGEMENT", "SHORTLIST", "BIDDING", "CONTRACTING", "WON"]
        row = (await self.call("seller", "GET", f"/v1/opportunities/{deal}")).json()
        for stage in stages[stages.index(row["stage"]) + 1 : stages.index(to) + 1]:
            answer = await self.move("seller", deal, stage)
            assert answer.status_code == 200, answer.text
            row = answer.json()
        return row

    async def draw(self, deal: str, *people: Mapping[str, Any], who: str = "seller") -> Any:
        """Draws the whole map of the deal; gives the answer."""
        path = f"/v1/opportunities/{deal}/stakeholders"
        answer = await self.call(who, "PUT", path, {"items": list(people)}, if_match="*")
        assert answer.status_code == 200, answer.text
        return answer

    async def rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        async with await psycopg.AsyncConnection.connect(self.url, options="-c timezone=UTC") as session:
            return await (await session.execute(statement, parameters)).fetchall()

    async def told(self, id: str) -> list[str]:
        """The types of the journal's entries about a row, in order."""
        found = await self.rows("SELECT type FROM journal WHERE aggregate_id = %s ORDER BY id", id)
        return [row[0] for row in found]


def person(contact: str, roles: str, stance: str = "UNKNOWN", **more: Any) -> dict[str, Any]:
    """An item of a map: `roles` separated by blanks, `stance` with its degree after a stroke."""
    name, _, degree = stance.partition("/")
    told = {"contact_id": contact, "roles": roles.split(), "influence": "H", "stance": name}
    return told | ({"degree": int(degree)} if degree else {}) | more


SELLERS = {name: str(new_id()) for name in ("boss", "seller", "teammate", "stranger")}
ACCOUNT = str(new_id())
PEOPLE = {name: str(new_id()) for name in ("李雷", "韩梅梅", "林涛", "魏华")}


def scene(url: str) -> None:
    """Makes a database this service's, with a seller, a manager above, a teammate and a stranger, and an account."""
    prepared(SERVICE)(url)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _play(url)).result()


async def _play(url: str) -> None:
    house = House(AsyncClient(), callers(), Owners(), [], url, dict(SELLERS))
    for name, id in SELLERS.items():
        await house.hear("member", **member(name, id, SELLERS["boss"] if name == "seller" else None))
    team = [{"member_id": SELLERS["teammate"], "function": "PRESALES"}]
    told: dict[str, Any] = {"id": ACCOUNT, "name": "云山电网", "owner_id": SELLERS["seller"], "team": team}
    await house.hear("account", **told, external_ids={})
    for name, id in PEOPLE.items():
        await house.hear("contact", **contact(name, id, ACCOUNT))


def member(name: str, id: str, manager_id: str | None) -> dict[str, Any]:
    """What contacts tells of a member."""
    told = {"id": id, "name": name.title(), "email": f"{name}@example.com", "function": "SALES"}
    return told | {"active": True, "manager_id": manager_id, "external_ids": {}}


def contact(name: str, id: str, account: str) -> dict[str, Any]:
    """What contacts tells of a person."""
    told = {"id": id, "account_id": account, "name": name, "title": None}
    return told | {"department": "TECHNICAL", "level": "MIDDLE"}


@pytest.fixture
async def house(database_url: DatabaseUrl) -> AsyncIterator[House]:
    url = database_url("opportunities", scene)
    known, contacts = callers(), Owners()
    known.add("boss", "manager", "rep", member_id=UUID(SELLERS["boss"]))
    for name in ("seller", "teammate", "stranger"):
        known.add(name, "rep", member_id=UUID(SELLERS[name]))
    statements: list[str] = []
    peers = AsyncClient(transport=ASGITransport(contacts))
    async with api_of(SERVICE, url, known, peers=peers, on_statement=statements.append) as client:
        people = list(PEOPLE.values())
        yield House(client, known, contacts, statements, url, dict(SELLERS), ACCOUNT, people)
