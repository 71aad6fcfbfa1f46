"""Connections over real sockets: whoever is slow, huge or gone is told so or hung up on, and holds nothing."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn._types import ASGIApplication
from uvicorn.server import ServerState

from services.kit.connections import MAX_HEAD, Connection, UntilLeft
from tests.gateway.standing import until

Patience = dict[str, float]
SHORT: Patience = {"head_seconds": 0.2, "body_seconds": 0.2, "read_seconds": 0.2}


class App:
    """Answers with what it is sent; at `/large` with more than a connection holds, at `/long` only when it may.

    At `/late` the head of the answer goes out before it may.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.ended: list[str] = []
        self.may = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        outcome = "left"
        try:
            if scope["path"] == "/late":
                await send(
                    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
                )
                await self.may.wait()
                await send({"type": "http.response.body", "body": b"late"})
                return
            if scope["path"] == "/long":
                await self.may.wait()
            body = b"x" * 20_000_000 if scope["path"] == "/large" else await Request(scope, receive).body()
            await Response(body)(scope, receive, send)
            outcome = "answered"
        finally:
            self.under_way -= 1
            self.ended.append(outcome)


class Caller:
    """One connection that sends bytes as they are written, and reads to the end when asked to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, content: bytes) -> None:
        self.writer.write(content)

    async def rest(self) -> bytes:
        async with asyncio.timeout(20):
            return await self.reader.read()

    async def refusal(self) -> tuple[int, dict[str, Any]]:
        """Status and document of the problem with which the connection ends."""
        head, _, body = (await self.rest()).partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        assert b"connection: close" in head
        return int(head.split(b" ")[1]), json.loads(body)


class Written(asyncio.Transport):
    """A transport that keeps what is sent through it, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class Connect:
    """Connects to where it listens. `open` are the connections that the server has."""

    def __init__(self, server: asyncio.Server, state: ServerState) -> None:
        self._server = server
        self.callers: list[Caller] = []
        self.open = state.connections

    async def __call__(self) -> Caller:
        address = self._server.sockets[0].getsockname()
        self.callers.append(Caller(*await asyncio.open_connection(*address)))
        return self.callers[-1]


def configured(app: ASGIApp) -> uvicorn.Config:
    """A server's configuration that serves the app through connections of ours."""
    asgi = cast("ASGIApplication", UntilLeft(app))
    config = uvicorn.Config(asgi, interface="asgi3", lifespan="off", log_config=None, http=Connection)
    config.load()
    return config


@asynccontextmanager
async def listening(app: ASGIApp, patience: Patience) -> AsyncGenerator[Connect]:
    """Connects to the app through connections of that patience."""
    config = configured(app)
    state, kind = ServerState(), type("Patient", (Connection,), patience)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1"
    )
    connect = Connect(server, state)
    yield connect
    for caller in connect.callers:
        caller.writer.transport.abort()
    server.close()
    for connection in list(state.connections):
        cast("Connection", connection).transport.abort()
    await asyncio.gather(*state.tasks, return_exceptions=True)


@pytest.fixture
async def app() -> App:
    return App()


@pytest.fixture
async def connect(app: App) -> AsyncGenerator[Connect]:
    async with listening(app, SHORT) as opened:
        yield opened


async def test_an_ordinary_request_is_answered(connect: Connect) -> None:
    caller = await connect()
    for _ in range(2):
        caller.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi")
        head = await caller.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await caller.reader.readexactly(2) == b"hi"


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
async def test_an_answer_goes_out_in_one_piece(app: App, last: bytes) -> None:
    written = Written()
    connection = Connection(config=configured(app), server_state=ServerState(), app_state={})
    connection.connection_made(written)
    connection.data_received(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n" + last + b"\r\nhi")
    await until(lambda: app.ended == ["answered"])
    (piece,) = written.pieces
    assert piece.startswith(b"HTTP/1.1 200")
    assert piece.endswith(b"\r\n\r\nhi")
    assert written.closed == bool(last)
    connection.connection_lost(None)


async def test_a_head_goes_out_by_itself_where_its_body_is_late(connect: Connect, app: App) -> None:
    caller = await connect()
    caller.send(b"GET /late HTTP/1.1\r\nHost: t\r\n\r\n")
    async with asyncio.timeout(20):
        assert (await caller.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    app.may.set()
    assert await caller.reader.readexactly(4) == b"late"


async def test_who_connects_and_says_nothing_is_hung_up_on(connect: Connect) -> None:
    assert await (await connect()).rest() == b""


async def test_a_head_that_drips_is_refused(connect: Connect, app: App) -> None:
    caller = await connect()
    dripping = asyncio.create_task(_drip(caller, b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 100))
    status, problem = await caller.refusal()
    dripping.cancel()
    assert (status, problem["code"], app.ended) == (408, "head_slow", [])


async def test_a_second_head_that_drips_is_refused_as_well(connect: Connect) -> None:
    caller = await connect()
    caller.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    await caller.reader.readuntil(b"\r\n\r\n")
    caller.send(b"GET / HT")
    assert (await caller.refusal())[1]["code"] == "head_slow"


async def test_a_body_that_stops_is_refused_and_its_request_ends(connect: Connect, app: App) -> None:
    caller = await connect()
    caller.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf")
    status, problem = await caller.refusal()
    assert (status, problem["code"]) == (408, "body_slow")
    await until(lambda: app.ended == ["left"])


async def test_a_body_that_goes_on_arriving_may_take_longer(connect: Connect) -> None:
    caller = await connect()
    caller.send(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 8\r\n\r\n")
    for _ in range(8):
        await asyncio.sleep(0.1)
        caller.send(b"x")
    assert (await caller.rest()).endswith(b"x" * 8)


async def test_an_answer_that_nobody_reads_is_given_up(connect: Connect, app: App) -> None:
    caller = await connect()
    caller.writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    caller.send(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n")
    await until(lambda: app.ended == ["answered"])
    await until(lambda: not connect.open)


async def test_an_answer_that_is_read_slowly_arrives_whole(connect: Connect) -> None:
    caller = await connect()
    caller.send(b"GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    read = 0
    async with asyncio.timeout(60):
        while piece := await caller.reader.read(1 << 20):
            read += len(piece)
            await asyncio.sleep(0.02)
    assert read > 20_000_000


async def test_a_flood_of_fields_is_not_collected(connect: Connect, app: App) -> None:
    caller = await connect()
    caller.send(b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * (MAX_HEAD // 8))
    status, problem = await caller.refusal()
    assert (status, problem["code"], app.ended) == (431, "headers_too_large", [])


async def test_fields_behind_a_body_are_left_out() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        seen.append(scope["headers"])
        await Response()(scope, receive, send)

    async with listening(app, SHORT) as connect:
        caller = await connect()
        caller.send(
            b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\nx\r\n0\r\nAuthorization: Bearer forged\r\n\r\n"
        )
        assert (await caller.rest()).startswith(b"HTTP/1.1 200")
    assert b"authorization" not in dict(seen[0])


@pytest.mark.parametrize("garbage", [b"GET\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/9.9\r\n\r\n"])
async def test_what_is_not_http_is_a_problem(garbage: bytes, connect: Connect) -> None:
    caller = await connect()
    caller.send(garbage)
    status, problem = await caller.refusal()
    assert (status, problem["code"]) == (400, "bad_request")


async def test_a_reading_request_ends_when_its_caller_leaves(connect: Connect, app: App) -> None:
    caller = await connect()
    caller.send(b"GET /long HTTP/1.1\r\nHost: t\r\n\r\n")
    await until(lambda: app.under_way == 1)
    caller.writer.transport.abort()
    await until(lambda: app.ended == ["left"])


async def test_a_write_goes_on_to_its_end(connect: Connect, app: App) -> None:
    caller = await connect()
    caller.send(b"POST /long HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
    await until(lambda: app.under_way == 1)
    caller.writer.transport.abort()
    await asyncio.sleep(0.1)
    assert app.under_way == 1
    app.may.set()
    await until(lambda: app.under_way == 0)


async def _drip(caller: Caller, content: bytes) -> None:
    for place in range(len(content)):
        caller.send(content[place : place + 1])
        await asyncio.sleep(0.02)
