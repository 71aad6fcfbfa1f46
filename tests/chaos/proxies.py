"""The proxies: what stands between any two processes, so that their connections can be cut, refused, stalled, delayed.

They run in a process of their own, and are told what to do over a loopback socket, a JSON line an order. An edge with
several ends in front of it hands each new connection to the next of them that takes it, as a load balancer would.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

import uvloop

from deploy.local.launch import LOOPBACK

SETTING = "CHAOS_EDGES"
CONTROL = "CHAOS_CONTROL"

Way = Literal["open", "cut", "refuse", "stall", "delay"]

_CONNECT_SECONDS = 2.0
_PIECE = 65_536


@dataclass(frozen=True)
class Edge:
    """Where one side connects to (`port`), and the ports of those who are behind it."""

    name: str
    port: int
    behind: tuple[int, ...]


class Proxy:
    """One edge. It is open until it is told otherwise."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay = 0.0
        self._turn = 0
        self._held: set[asyncio.StreamWriter] = set()

    async def tell(self, way: Way, seconds: float = 0.0) -> None:
        """`cut` ends the connections that are there; `refuse` also lets none in; `stall` keeps all and passes nothing
        on; `delay` passes each piece on so many seconds later; `open` is how it was."""
        if way in ("cut", "refuse"):
            self._cut()
        if way == "refuse":
            await self.close()
        elif self._server is None:
            await self.listen()
        self._delay = seconds if way == "delay" else 0.0
        if way == "stall":
            self._flowing.clear()
        else:
            self._flowing.set()

    async def listen(self) -> None:
        """Begins to take connections."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self._edge.port, backlog=256)

    async def close(self) -> None:
        """Takes no more connections; those that are there stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _cut(self) -> None:
        for writer in list(self._held):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await self._reach()
        if far is None:
            writer.transport.abort()
            return
        self._held |= {writer, far[1]}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, far[1]))
                group.create_task(self._pass_on(far[0], writer))
        finally:
            self._held -= {writer, far[1]}

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports = self._edge.behind
        self._turn += 1
        for step in range(len(ports)):
            port = ports[(self._turn + step) % len(ports)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(LOOPBACK, port)
        return None

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._flowing.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                writer.write(piece)
                await writer.drain()
        await self._flowing.wait()
        # Whoever hangs up is hung up on: nobody here speaks after the other side has ended.
        with suppress(OSError, RuntimeError):
            writer.close()


class Switchboard:
    """The harness's side: says over one connection how each edge is to be."""

    def __init__(self, control: int) -> None:
        self._control = control
        self._lock = asyncio.Lock()
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def tell(self, edge: str, way: Way, seconds: float = 0.0) -> None:
        """Has the edge be so from now on."""
        async with self._lock:
            if self._connection is None:
                self._connection = await asyncio.open_connection(LOOPBACK, self._control)
            reader, writer = self._connection
            order = {"edge": edge, "way": way, "seconds": seconds}
            writer.write(json.dumps(order).encode() + b"\n")
            if await reader.readline() != b"done\n":
                raise RuntimeError(f"the proxies did not take {order}")

    async def close(self) -> None:
        """Hangs up."""
        if self._connection is not None:
            self._connection[1].close()


def settings(edges: tuple[Edge, ...], control: int) -> dict[str, str]:
    """What the process of the proxies is to find in its environment."""
    return {SETTING: json.dumps([asdict(edge) for edge in edges]), CONTROL: str(control)}


def main(environment: Mapping[str, str]) -> None:
    """Serves the edges that the environment names, until it is killed."""
    edges = [
        Edge(each["name"], each["port"], tuple(each["behind"])) for each in json.loads(environment[SETTING])
    ]
    uvloop.run(_serve(edges, int(environment[CONTROL])))


async def _serve(edges: list[Edge], control: int) -> None:
    proxies = {edge.name: Proxy(edge) for edge in edges}
    for proxy in proxies.values():
        await proxy.listen()

    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order: dict[str, Any] = json.loads(line)
            await proxies[order["edge"]].tell(order["way"], order["seconds"])
            writer.write(b"done\n")
            await writer.drain()

    server = await asyncio.start_server(obey, LOOPBACK, control)
    await server.serve_forever()
