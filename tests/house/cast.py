"""Three services on databases of their own, each told what the others tell, and callers all around one account.

There is no broker: what a service journals is encoded as its relay would and handed to the handlers of the others.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from fastapi import FastAPI

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit import journal
from services.kit.app import create_api
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.clock import now
from services.kit.descriptor import Service
from services.kit.envelope import Encoder, JournalRow, decode
from services.kit.events import Event
from services.kit.handlers import Batch
from services.kit.journal import Cause
from services.kit.numbering import number
from services.opportunities.main import SERVICE as OPPORTUNITIES
from services.opportunities.products.queries import PRODUCT
from tests.apis import Callers, as_, callers, prepared, serving, settings_for

SERVICES: Final[Mapping[str, Service]] = {each.name: each for each in (CONTACTS, OPPORTUNITIES, ACTIVITIES)}
PORTS: Final = {8001: "contacts", 8002: "opportunities", 8003: "activities"}

# Our people, those above before those below: `far` is above the team member and the owner of a deal.
LINE: Final[Mapping[str, str | None]] = {
    "top": None, "boss": "top", "owner": "boss", "far": None, "mate": "far", "dealer": "far",
    "former": None, "stranger": None, "idle": None,
}  # fmt: skip
SEE_ALL: Final = ("executive", "marketing", "reporting")
MANAGERS: Final = frozenset({"top", "boss", "far", "idle"})
SCOPES: Final = ("contacts:write", "opportunities:write", "activities:write", "imports", "erasure")

_JOURNAL: LiteralString = """
SELECT id, recorded_at, event_id, type, aggregate, aggregate_id, version, partition_key, actor, request_id, traceparent,
       imported, changed, state
FROM journal WHERE id > %(after)s ORDER BY id"""

Url = Callable[[str, Callable[[str], None]], str]
"""Makes a database of that name, prepared so; gives its address."""


@dataclass
class Cast:
    """The services and their callers. `ids` are what is there, by the names that the table gives it."""

    callers: Callers
    urls: Mapping[str, str]
    clients: dict[str, AsyncClient] = field(default_factory=dict[str, AsyncClient])
    apps: dict[str, FastAPI] = field(default_factory=dict[str, FastAPI])
    ids: dict[str, str] = field(default_factory=dict[str, str])
    told: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 0))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """A lookup of one service at another."""
        await self.apps[PORTS[scope["server"][1]]](scope, receive, send)

    async def ask(self, service: str, who: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Sends a request as the named caller, of any version; without a token for whom nobody knows."""
        version = {} if "by-external-id" in path else {"If-Match": "*"}
        headers = (as_(who) if who in self.callers.viewers else {}) | version
        return await self.clients[service].request(method, path, json=body, headers=headers, **more)

    async def make(self, service: str, path: str, body: Any, who: str = "admin", *, name: str = "") -> str:
        """Makes a row, known by the name from then on; gives its id."""
        answer = await self.ask(service, who, "POST", path, body)
        assert answer.status_code == 201, answer.text
        self.ids[name] = answer.json()["id"]
        return self.ids[name]

    async def number(self, service: str) -> None:
        """Gives what the service has journaled its positions, as its worker would."""
        while (await number(self.apps[service].state.db))[0]:
            pass

    async def tell(self) -> None:
        """Brings what each service has to tell to the others, once."""
        for name, service in SERVICES.items():
            events = await self._news(service)
            for other in SERVICES.values():
                if name in other.consumes:
                    await _hear(self.urls[other.name], other, events)

    async def _news(self, service: Service) -> list[Event]:
        encoder = Encoder(service.name, service.public)
        async with await psycopg.AsyncConnection.connect(self.urls[service.name]) as session:
            await session.execute("SET timezone = 'UTC'")
            cursor = await session.execute(_JOURNAL, {"after": self.told[service.name]})
            rows = [JournalRow(*row) for row in await cursor.fetchall()]
        self.told[service.name] = max((row.position for row in rows), default=self.told[service.name])
        records = [record for row in rows if (record := encoder.encode(row)) is not None]
        return [decode(record.key, record.headers, record.value) for record in records]


async def _hear(url: str, service: Service, events: list[Event]) -> None:
    async with await psycopg.AsyncConnection.connect(url, options="-c timezone=UTC") as session:
        for event in events:
            if handler := service.handlers.get(event.aggregate):
                assert isinstance(handler, Batch)
                await handler.handle(session, [event])


@asynccontextmanager
async def opened(database: Url) -> AsyncGenerator[Cast]:
    """Everybody in place, around one account with a deal, people, a visit and minutes."""
    urls = {name: database(name, prepared(service)) for name, service in SERVICES.items()}
    cast = Cast(callers(), urls)
    async with AsyncExitStack() as stack:
        for name, service in SERVICES.items():
            peers = AsyncClient(transport=ASGITransport(cast))
            app = create_api(service, settings_for(service, urls[name]), judge=cast.callers, peers=peers)
            cast.apps[name] = app
            cast.clients[name] = await stack.enter_async_context(serving(app))
        cast.callers.add("robot", "service", scopes=SCOPES)
        cast.callers.add("mute", "service")
        cast.callers.add("guest", "rep", "manager")
        await _hire(cast)
        await _open_account(cast)
        await _open_deals(cast)
        await _act(cast)
        await _erase(cast)
        await asyncio.gather(*(_import(cast, name) for name in SERVICES))
        yield cast


async def _hire(cast: Cast) -> None:
    for name, manager in LINE.items():
        body = {"email": f"{name}@example.com", "name": name.title()}
        id = await cast.make(
            "contacts", "/v1/members", body | {"manager_id": manager and cast.ids[manager]}, name=name
        )
        roles = ("manager", "rep") if name in MANAGERS else ("rep",)
        cast.callers.add(name, *roles, member_id=UUID(id))
    for role in SEE_ALL:
        body = {"email": f"{role}@example.com", "name": role.title()}
        cast.callers.join(role, UUID(await cast.make("contacts", "/v1/members", body, name=role)))


def seats(cast: Cast, *names: str) -> list[dict[str, str]]:
    """A team of those members."""
    return [{"member_id": cast.ids[name], "function": "PRESALES"} for name in names]


async def _open_account(cast: Cast) -> None:
    body = {"name": "云山电网", "owner_id": cast.ids["owner"], "team": seats(cast, "mate", "former")}
    account = await cast.make("contacts", "/v1/accounts", body, name="account")
    await cast.tell()
    left = {"team": seats(cast, "mate")}
    answer = await cast.ask("contacts", "admin", "PATCH", f"/v1/accounts/{account}", left)
    assert answer.status_code == 200, answer.text
    for name in ("person", "other"):
        body = {"name": f"李{name}", "account_id": account, "phones": ["+86 10 5555 0000"]}
        await cast.make("contacts", "/v1/contacts", body, name=name)
    body = {"to_contact_id": cast.ids["other"], "kind": "INFLUENCES", "note": "周日高尔夫"}
    await cast.make("contacts", f"/v1/contacts/{cast.ids['person']}/links", body, name="link")
    await cast.tell()


async def _open_deals(cast: Cast) -> None:
    for name in ("owner", "dealer"):
        body = {"name": f"变电站 {name}", "account_id": cast.ids["account"], "owner_id": cast.ids[name]}
        await cast.make("opportunities", "/v1/opportunities", body, name=f"deal of {name}")
    cast.ids["deal"] = cast.ids["deal of owner"]
    held = {"roles": ["DECISION_MAKER"], "influence": "H", "degree": 3}
    stances = {"person": "OPPONENT", "other": "SUPPORTER"}
    people = [{"contact_id": cast.ids[name], "stance": stance, **held} for name, stance in stances.items()]
    path = f"/v1/opportunities/{cast.ids['deal']}/stakeholders"
    answer = await cast.ask("opportunities", "admin", "PUT", path, {"items": people})
    assert answer.status_code == 200, answer.text
    cast.ids["product"] = await product(cast)
    await cast.tell()


async def product(cast: Cast) -> str:
    """Puts a product there, as an import would; gives its id."""
    told: dict[str, Any] = {
        "name": "GTX",
        "series": "GTX",
        "list_price": 1,
        "currency": "USD",
        "external_ids": {},
    }
    async with await psycopg.AsyncConnection.connect(cast.urls["opportunities"]) as session:
        row = await journal.create(session, PRODUCT, told, Cause(actor="sub:test"))
    assert row is not None
    return str(row.id)


async def _act(cast: Cast) -> None:
    visit = {
        "type": "VISIT", "subject": "拜访", "planned_start_at": "2030-01-01T08:00:00Z",
        "account_id": cast.ids["account"], "owner_id": cast.ids["owner"],
    }  # fmt: skip
    await cast.make("activities", "/v1/activities", visit, name="visit")
    minutes = {"spent_on": f"{now() - timedelta(days=1):%Y-%m-%d}", "category": "TRAVEL", "minutes": 30}
    body = minutes | {"member_id": cast.ids["owner"], "activity_id": cast.ids["visit"]}
    await cast.make("activities", "/v1/time-logs", body, name="log")


async def _erase(cast: Cast) -> None:
    body = {"name": "Jane Doe", "account_id": cast.ids["account"]}
    id = await cast.make("contacts", "/v1/contacts", body, name="erased")
    await cast.tell()
    reason = {"reason": "REQUESTED"}
    answer = await cast.ask("contacts", "admin", "POST", f"/v1/contacts/{id}/erasure", reason)
    assert answer.status_code == 200, answer.text
    await cast.tell()


async def _import(cast: Cast, service: str) -> None:
    for importing in SERVICES[service].imports:
        answer = await send_file(cast, service, "admin", importing.noun)
        assert answer.status_code == 202, answer.text
        cast.ids[f"import of {importing.noun}"] = answer.json()["id"]


async def send_file(cast: Cast, service: str, who: str, noun: str) -> Any:
    """Sends a file without rows as an import of the noun."""
    (profile,) = [each.profiles[0] for each in SERVICES[service].imports if each.noun == noun]
    head = ",".join(profile.columns).encode() + b"\n"
    form = {"files": {"file": ("rows.csv", head)}, "data": {"profile": profile.name}}
    return await cast.ask(service, who, "POST", f"/v1/{noun}/imports", None, **form)
