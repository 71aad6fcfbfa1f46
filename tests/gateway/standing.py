"""A gateway with services of straw behind it, over real loopback HTTP."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import httpx
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn._types import ASGIApplication
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.feeds import Feeds
from gateway.main import composed, create_gateway
from gateway.routes.forward import Forward
from gateway.routes.stream import Stream
from gateway.upstreams import SERVICES, Calls, Upstreams
from gateway.watch import Watch
from services.kit.identity import Verifier
from services.kit.settings import Settings
from tests.kit.issuing import ISSUER, StubIssuer

ACCOUNT = "01a20127-d823-77b7-8f2d-d7bc50c99046"
PARTS = {
    "contacts": b'{"account": {"name": "\xe8\xbf\x9c\xe6\x99\xaf"}, "standing": null, "people": [1]}',
    "opportunities": b'{"deals": [{"amount": 9007199254740991}], "totals": []}',
    "activities": b'{"activities": [], "minutes": [], "last_touch": null}',
}

Behaviour: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Seen:
    """A request as a service saw it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(eq=False)
class Straw:
    """A service of straw: remembers what it is asked, answers as told, can be killed and started again."""

    name: str
    behave: Behaviour | None = None
    seen: list[Seen] = field(default_factory=list[Seen])
    port: int = 0
    _listener: "Listener | None" = None

    async def start(self) -> None:
        self._listener = Listener(self._app)
        self.port = await self._listener.open(self.port)

    async def kill(self) -> None:
        """Ends at once, cutting what is under way."""
        if self._listener is not None:
            await self._listener.close()
            self._listener = None

    def answers(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        """Answers every request like this from now on."""
        told = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        self.behave = Response(body, status, told)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = Seen(scope["method"], _target(scope), _headers(scope), b"")
        self.seen.append(seen)
        if self.behave is not None and getattr(self.behave, "reads_itself", False):
            await self.behave(scope, receive, send)
            return
        seen.body = await whole_body(receive)
        behave = self.behave or Response(PARTS[self.name], media_type="application/json")
        await behave(scope, receive, send)


def reads_itself(behave: Behaviour) -> Behaviour:
    """Marks a behaviour that wants to read the request's body by itself."""
    vars(behave)["reads_itself"] = True
    return behave


def _target(scope: Scope) -> str:
    query: str = scope["query_string"].decode()
    return scope["raw_path"].decode() + (f"?{query}" if query else "")


def _headers(scope: Scope) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


async def whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


class Listener:
    """uvicorn's protocol on a loopback port, without the server around it, which takes its time to end."""

    def __init__(self, app: Behaviour | ASGIApp) -> None:
        asgi = cast("ASGIApplication", app)
        self._config = uvicorn.Config(
            asgi, interface="asgi3", lifespan="off", log_config=None, access_log=False
        )
        self._state = ServerState()

    async def open(self, port: int = 0) -> int:
        """Listens on the port, or on one that is free; returns it."""
        self._config.load()
        self._server = await asyncio.get_running_loop().create_server(self._protocol, "127.0.0.1", port)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listens no more, cuts every connection, and ends what is under way."""
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        under_way = list(self._state.tasks)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _protocol(self) -> HttpToolsProtocol:
        return HttpToolsProtocol(config=self._config, server_state=self._state, app_state={})


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is another task's state
            await asyncio.sleep(0.005)


async def spoken(port: int, line: str, authorization: str) -> bytes:
    """All that is answered to a request line sent as it is, until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{line}\r\nHost: x\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("latin-1"))
    try:
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


@dataclass(eq=False)
class Standing:
    """The gateway, its issuer, its services of straw, and a client that carries a good token."""

    app: ASGIApp
    settings: Settings
    issuer: StubIssuer
    straws: dict[str, Straw]
    client: httpx.AsyncClient

    @property
    def contacts(self) -> Straw:
        return self.straws["contacts"]

    @property
    def opportunities(self) -> Straw:
        return self.straws["opportunities"]

    @property
    def activities(self) -> Straw:
        return self.straws["activities"]

    async def view(self, **headers: str) -> httpx.Response:
        return await self.client.get(f"/v1/accounts/{ACCOUNT}/view", headers=headers)

    @asynccontextmanager
    async def over_sockets(self) -> AsyncGenerator[int]:
        """The same gateway behind a real port, for what an in-process client cannot do."""
        listener = Listener(self.app)
        yield await listener.open()
        await listener.close()

    @asynccontextmanager
    async def client_over_sockets(self) -> AsyncGenerator[httpx.AsyncClient]:
        """A client with the same token that speaks to the real port, where bodies stream both ways."""
        async with self.over_sockets() as port:
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, headers=self.client.headers) as client:
                yield client


@asynccontextmanager
async def standing(
    *, seconds: float = 10, host: str = "127.0.0.1", **given: object
) -> AsyncGenerator[Standing]:
    """Everything up, with settings as given; a service may take `seconds` to answer."""
    straws = {name: Straw(name) for name in SERVICES}
    await asyncio.gather(*(straw.start() for straw in straws.values()))
    addresses = {f"{name}_url": f"http://{host}:{straw.port}" for name, straw in straws.items()}
    settings = Settings.model_validate({"oidc_issuer": ISSUER, **addresses, **given})
    issuer = StubIssuer()
    verifier = Verifier(settings, transport=issuer.transport, clock=issuer.clock)
    app = create_gateway(settings, verifier=verifier, part_seconds=seconds, answer_seconds=seconds)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test")
    client.headers["Authorization"] = f"Bearer {issuer.token()}"
    async with lifespan(app), client:
        yield Standing(app, settings, issuer, straws, client)
    await asyncio.gather(*(straw.kill() for straw in straws.values()))


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncGenerator[None]:
    """Runs the app's startup before, its shutdown after."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.ensure_future(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, to_app.get, from_app.put)
    )
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
    await task


def made_here() -> set[str]:
    """The routes of what the gateway composes."""
    upstreams = Upstreams(Settings(), Calls(CollectorRegistry()))
    watch = Watch(upstreams, asyncio.Event())
    feeds = Feeds(upstreams, watch)
    return set(composed(feeds, watch, Stream(feeds, watch), upstreams, Forward(upstreams), part_seconds=1))
