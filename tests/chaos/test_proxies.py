"""A proxy passes on what comes, and cuts, refuses, stalls and delays when it is told to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from deploy.local.launch import LOOPBACK, free_ports, listens
from tests.chaos.proxies import Edge, Proxy

_SOON = 0.3


@dataclass
class Line:
    """A client's connection through the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, text: bytes) -> None:
        self.writer.write(text + b"\n")
        await self.writer.drain()

    async def hear(self) -> bytes:
        """The next line, without its end; nothing where the connection has ended."""
        with suppress(ConnectionResetError):
            return (await asyncio.wait_for(self.reader.readline(), 5)).rstrip()
        return b""

    async def hears_nothing(self) -> bool:
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(self.reader.readline())), _SOON)
        except TimeoutError:
            return True
        return False


class Edged:
    """A proxy with echoing servers behind it; each puts its name before what it heard."""

    def __init__(self, edge: Edge, exits: AsyncExitStack) -> None:
        self.edge, self._exits = edge, exits
        self.proxy = Proxy(edge)
        self.servers: dict[int, asyncio.Server] = {}

    async def serve(self, port: int) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while line := await reader.readline():
                    writer.write(b"%d %b" % (port, line))
            writer.close()

        self.servers[port] = await asyncio.start_server(echo, LOOPBACK, port)

    async def connect(self) -> Line:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.edge.port)
        self._exits.callback(writer.close)
        return Line(reader, writer)


@asynccontextmanager
async def edged(behind: int = 1) -> AsyncGenerator[Edged]:
    port, *ports = free_ports(behind + 1)
    async with AsyncExitStack() as exits:
        found = Edged(Edge("edge", port, tuple(ports)), exits)
        for each in ports:
            await found.serve(each)
        await found.proxy.listen()
        yield found
        await found.proxy.tell("open")
        await found.proxy.tell("refuse")
        for server in found.servers.values():
            server.close()
    # What still speaks hears of the end.
    ending = asyncio.all_tasks() - {asyncio.current_task()}
    if ending:
        await asyncio.wait(ending, timeout=5)


async def test_what_is_said_comes_back() -> None:
    async with edged() as it:
        line = await it.connect()
        await line.say(b"hello")
        assert (await line.hear()).endswith(b" hello")


async def test_connections_go_to_one_after_the_other_and_pass_over_who_is_gone() -> None:
    async with edged(behind=2) as it:
        lines = [await it.connect() for _ in range(4)]
        for line in lines:
            await line.say(b"who")
        assert len({await line.hear() for line in lines}) == 2
        gone, left = it.edge.behind
        it.servers[gone].close()
        for line in [await it.connect() for _ in range(4)]:
            await line.say(b"who")
            assert await line.hear() == b"%d who" % left


async def test_connection_ends_where_nobody_is_behind() -> None:
    async with edged() as it:
        it.servers[it.edge.behind[0]].close()
        line = await it.connect()
        assert await line.hear() == b""


async def test_cut_ends_connections_and_lets_new_ones_in() -> None:
    async with edged() as it:
        line = await it.connect()
        await line.say(b"hello")
        await line.hear()
        await it.proxy.tell("cut")
        assert await line.hear() == b""
        again = await it.connect()
        await again.say(b"hello")
        assert (await again.hear()).endswith(b" hello")


async def test_refusal_lets_nobody_in_until_it_is_open_again() -> None:
    async with edged() as it:
        await it.proxy.tell("refuse")
        with pytest.raises(ConnectionRefusedError):
            await it.connect()
        await it.proxy.tell("open")
        line = await it.connect()
        await line.say(b"hello")
        assert (await line.hear()).endswith(b" hello")


async def test_stalled_edge_takes_all_and_passes_it_on_when_it_is_open_again() -> None:
    async with edged() as it:
        line = await it.connect()
        await it.proxy.tell("stall")
        await line.say(b"hello")
        assert await line.hears_nothing()
        assert listens(it.edge.port)
        await it.proxy.tell("open")


async def test_stalled_edge_loses_nothing() -> None:
    async with edged() as it:
        line = await it.connect()
        await it.proxy.tell("stall")
        for number in range(3):
            await line.say(b"%d" % number)
        await it.proxy.tell("open")
        assert [(await line.hear())[-1:] for _ in range(3)] == [b"0", b"1", b"2"]


async def test_delay_keeps_the_order() -> None:
    async with edged() as it:
        line = await it.connect()
        await it.proxy.tell("delay", 0.05)
        for number in range(3):
            await line.say(b"%d" % number)
        assert [(await line.hear())[-1:] for _ in range(3)] == [b"0", b"1", b"2"]


async def test_who_hangs_up_is_hung_up_on() -> None:
    async with edged() as it:
        line = await it.connect()
        line.writer.write_eof()
        assert await asyncio.wait_for(line.reader.read(), 5) == b""
