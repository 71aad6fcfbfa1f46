"""What idle listeners of the stream cost the gateway: `python -m tests.bench.stream [LISTENERS]`, on Linux.

The issuer and the gateway are processes of their own, the services straw in this one; listeners are real sockets on
loopback. Prints the gateway's resident memory, without listeners, with them, and after news that reach all.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deploy.local.launch import free_ports
from tests.gateway.cost import Process, started, token
from tests.gateway.standing import Listener

LISTENERS = 2_000


class Feed:
    """A service of straw: its journal's head stands until it is moved, and each move is one change for everybody."""

    def __init__(self) -> None:
        self._position = 1
        self._moved = asyncio.Event()

    def move(self) -> None:
        """Something has happened."""
        self._position += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: where the head stands, or what has changed."""
        query = Request(scope).query_params
        told: dict[str, object] = {"position": self._position}
        if scope["path"] != "/headz":
            after = int(query.get("since", str(self._position)))
            items = [{"id": str(n), "data": "x" * 500} for n in range(after, self._position)]
            told = {"items": items, "next": str(self._position), "more": False}
        elif int(query["beyond"]) >= self._position:
            await self._wait(float(query["wait"]))
            told = {"position": self._position}
        await Response(orjson.dumps(told), media_type="application/json")(scope, receive, send)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return


async def listen(port: int, bearer: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A listener that has heard where it begins."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % bearer.encode())
    await reader.readuntil(b"retry: 2000")
    return reader, writer


def megabytes(process: Process) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def measure(door: Process, feeds: dict[int, Feed], bearer: str, listeners: int) -> None:
    """Prints a line for each state."""
    served = [Listener(feed) for feed in feeds.values()]
    for listener, port in zip(served, feeds, strict=True):
        await listener.open(port)
    print(f"{'no listener':32} {megabytes(door):6.0f} MB")
    ears: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for _ in range(0, listeners, 50):
        ears += await asyncio.gather(*(listen(door.port, bearer) for _ in range(50)))
    spent = door.seconds()
    await asyncio.sleep(20)
    said = f"{(door.seconds() - spent) / 20:.0%} of a processor"
    print(f"{f'{len(ears)} idle listeners':32} {megabytes(door):6.0f} MB  {said}")
    begun = time.monotonic()
    next(iter(feeds.values())).move()
    await asyncio.gather(*(reader.readuntil(b"x" * 500) for reader, _ in ears))
    print(
        f"{'after news that reached them all':32} {megabytes(door):6.0f} MB  {time.monotonic() - begun:.1f} s"
    )
    for _, writer in ears:
        writer.close()
    for listener in served:
        await listener.close()


def main() -> None:
    """Measures with as many listeners as the first argument says."""
    listeners = int(sys.argv[1]) if len(sys.argv) > 1 else LISTENERS
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    issuer, gateway, *services = free_ports(5)
    oidc = f"http://127.0.0.1:{issuer}"
    names = ("CONTACTS_URL", "OPPORTUNITIES_URL", "ACTIVITIES_URL")
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in zip(names, services, strict=True)}
    with (
        tempfile.TemporaryDirectory() as home,
        started("deploy.local.issuer", port=issuer, OIDC_ISSUER=oidc, FOOTHOLD_HOME=home),
        started("gateway.main", port=gateway, OIDC_ISSUER=oidc, **addresses) as door,
    ):
        feeds = {port: Feed() for port in services}
        asyncio.run(measure(door, feeds, token(oidc), listeners))


if __name__ == "__main__":
    main()
