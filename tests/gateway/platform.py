"""The platform in small: a gateway over sockets, three services on databases of their own, events carried by hand."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.main import create_gateway
from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit.app import create_api
from services.kit.db import Database
from services.kit.descriptor import Service
from services.kit.envelope import Encoder, JournalRow, decode, wire_type
from services.kit.events import Event
from services.kit.handlers import Batch, Handlers
from services.kit.identity import Verifier
from services.kit.membership import member_lookup
from services.kit.numbering import number
from services.kit.settings import Settings
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import prepared
from tests.conftest import DatabaseUrl
from tests.gateway.standing import Listener, lifespan
from tests.kit.issuing import ISSUER, StubIssuer

SERVICES = (CONTACTS, OPPORTUNITIES, ACTIVITIES)

_TOLD: LiteralString = """
SELECT o.position, j.recorded_at, j.event_id, j.type, j.aggregate, j.aggregate_id, j.version, j.partition_key,
       j.actor, j.request_id, j.traceparent, j.imported, j.changed, j.state
FROM journal_order o JOIN journal j ON j.recorded_at = o.recorded_at AND j.id = o.journal_id
WHERE o.position > %(cursor)s ORDER BY o.position"""


@dataclass(eq=False)
class Running:
    """A service of the small platform: its app and port, its database, how far its events are carried."""

    service: Service
    app: FastAPI
    db: Database
    listener: Listener
    port: int
    cursor: int = 0

    @property
    def name(self) -> str:
        return self.service.name

    async def go(self) -> None:
        """Listens no more, and cuts every connection."""
        await self.listener.close()

    async def come_back(self) -> None:
        """Listens again where it did."""
        self.listener = Listener(self.app)
        await self.listener.open(self.port)


@dataclass(eq=False)
class Platform:
    """The gateway's client, who speaks through it, and the hand that numbers and carries."""

    issuer: StubIssuer
    running: dict[str, Running]
    client: httpx.AsyncClient
    stop: asyncio.Event
    port: int
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    members: dict[str, str] = field(default_factory=dict[str, str])

    def headers(self, who: str) -> dict[str, str]:
        """The caller's token."""
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def admit(self, who: str, *roles: str, **claims: Any) -> None:
        """Makes a token for somebody."""
        email = f"{who}@example.com"
        self.tokens[who] = self.issuer.token(sub=who, email=email, roles=list(roles or ("rep",)), **claims)

    async def call(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """A request through the gateway."""
        headers = self.headers(who) | {"If-Match": "*"}
        return await self.client.request(method, path, json=body, headers=headers, params=query)

    async def ok(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON of an answer that has to be good."""
        answer = await self.call(who, method, path, body, **query)
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    async def hire(self, who: str, manager: str | None = None) -> str:
        """Makes a member who can speak; gives the id."""
        body = {
            "email": f"{who}@example.com",
            "name": who.title(),
            "manager_id": manager and self.members[manager],
        }
        self.members[who] = (await self.ok("admin", "POST", "/v1/members", body))["id"]
        self.admit(who)
        await self.carry()
        return self.members[who]

    async def number(self) -> None:
        """Numbers every journal."""
        for each in self.running.values():
            while (await number(each.db))[0]:
                pass

    async def carry(self) -> None:
        """Numbers, and hands every event to whoever listens, until nobody has anything to tell."""
        told = True
        while told:
            await self.number()
            told = any([await self._carried(each) for each in self.running.values()])

    async def lose(self) -> None:
        """Numbers, and hands nobody what there is to tell."""
        await self.number()
        for each in self.running.values():
            async with each.db.connect() as session:
                [[each.cursor]] = await (
                    await session.execute("SELECT coalesce(max(position), 0) FROM journal_order")
                ).fetchall()

    async def _carried(self, teller: Running) -> bool:
        async with teller.db.connect() as session:
            rows = await (await session.execute(_TOLD, {"cursor": teller.cursor})).fetchall()
        encoder = Encoder(teller.name, teller.service.public)
        for row in map(JournalRow._make, rows):
            teller.cursor = row.position
            record = encoder.encode(row)
            if record is not None:
                event = decode(record.key, record.headers, record.value)
                for hearer in self.running.values():
                    if teller.name in hearer.service.consumes:
                        await _heard(hearer, wire_type(record.headers), event)
        return rows != []


async def _heard(hearer: Running, type_: str, event: Event) -> None:
    handler = Handlers(hearer.service.handlers).find(type_)
    if handler is not None:
        async with hearer.db.transaction() as tx:
            await (handler.handle(tx, [event]) if isinstance(handler, Batch) else handler(tx, event))


@asynccontextmanager
async def platform(database_url: DatabaseUrl) -> AsyncGenerator[Platform]:
    """Everything up, with an administrator who can speak."""
    issuer = StubIssuer()
    async with AsyncExitStack() as stack:
        running: dict[str, Running] = {}
        listeners = {service.name: Listener(_deferred(running, service.name)) for service in SERVICES}
        ports = {name: await listener.open() for name, listener in listeners.items()}
        urls = {f"{name}_url": f"http://127.0.0.1:{port}" for name, port in ports.items()}
        for service in SERVICES:
            url = database_url(service.name, prepared(service))
            given = {f"{service.name}_database_url": SecretStr(url), "oidc_issuer": ISSUER, **urls}
            settings = Settings.model_validate(given)
            db = Database(url, name="tests")
            await db.open()
            stack.push_async_callback(db.close)
            members = member_lookup(db, settings.deleted_days)
            judge = Verifier(settings, members, transport=issuer.transport, clock=issuer.clock)
            app = create_api(service, settings, judge=judge)
            await stack.enter_async_context(app.router.lifespan_context(app))
            running[service.name] = Running(service, app, db, listeners[service.name], ports[service.name])
        stop = asyncio.Event()
        settings = Settings.model_validate({"oidc_issuer": ISSUER, **urls})
        judge = Verifier(settings, transport=issuer.transport, clock=issuer.clock)
        gateway = create_gateway(settings, verifier=judge, stop=stop)
        await stack.enter_async_context(lifespan(gateway))
        door = Listener(gateway)
        port = await door.open()
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=40)
        )
        made = Platform(issuer, running, client, stop, port)
        made.admit("admin", "admin")
        yield made
        stop.set()
        for each in running.values():
            each.app.state.head.end()
        await door.close()
        for each in running.values():
            await each.go()


def _deferred(running: dict[str, Running], name: str) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await running[name].app(scope, receive, send)

    return app


def ids(items: Sequence[Any]) -> list[str]:
    """The ids of changes."""
    return [item["id"] for item in items]
