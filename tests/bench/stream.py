"""What idle listeners of the stream cost the gateway: `python -m tests.bench.stream [LISTENERS]`, on Linux.

The issuer and the gateway are processes of their own, the services straw in this one; listeners are real sockets on
loopback, each somebody else with a token of their own. Told is the gateway's resident memory without listeners, with
them, and at the most until news have reached them all. Part of `make bench`; alone it ends with 1 as well where that is
too much, or where one of them hears nothing.
"""

import asyncio
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import orjson
from rich.console import Console
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deploy.local.launch import free_ports
from tests.bench.figures import WIDTH, Figure, Wanted, end, missed, show
from tests.gateway.cost import Process, started, token
from tests.gateway.standing import Listener

LISTENERS: Final = 2_000
MOST: Final = Wanted("amount", most=200)
"""Megabytes."""

IDLE: Final = 20.0
"""Seconds for which they listen to nothing: for longer than the gateway takes to tell them that they still do."""

PATIENCE: Final = 60.0
"""Seconds after which who is not connected, or has not heard the news, counts as lost."""

TOKEN: Final = 72
"""Characters of a service's token, as real ones have."""

T = TypeVar("T")
NEWS: Final = b"x" * 500
Ear: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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
            items = [{"id": str(n), "data": NEWS.decode()} for n in range(after, self._position)]
            told = {"items": items, "next": f"{self._position:0{TOKEN}}", "more": False}
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


async def listen(port: int, bearer: str, *, limit: int = 4096) -> Ear:
    """A listener that has heard where it begins; `limit` is how much it keeps that nobody has read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % bearer.encode())
    await reader.readuntil(b"retry: 2000")
    return reader, writer


async def in_time(work: Awaitable[T], seconds: float) -> T | None:
    """What comes of it; None where it fails, or takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (TimeoutError, EOFError, OSError):
        return None


async def _ears(port: int, bearers: Sequence[str]) -> list[Ear]:
    """A listener for each token, if it is let in; fifty come at once."""
    ears: list[Ear | None] = []
    for n in range(0, len(bearers), 50):
        ears += await asyncio.gather(
            *(in_time(listen(port, bearer), PATIENCE) for bearer in bearers[n : n + 50])
        )
    return [ear for ear in ears if ear]


def _megabytes(process: Process, of: str = "VmRSS") -> float:
    """Resident memory now, or at the most so far (`VmHWM`)."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(of)) / 1024


async def _measure(door: Process, feeds: dict[int, Feed], bearers: Sequence[str]) -> Sequence[Figure]:
    served = [Listener(feed) for feed in feeds.values()]
    for listener, port in zip(served, feeds, strict=True):
        await listener.open(port)
    alone = _megabytes(door)
    ears = await _ears(door.port, bearers)
    spent = door.seconds()
    await asyncio.sleep(IDLE)
    print(f"{len(ears)} idle listeners take {(door.seconds() - spent) / IDLE:.0%} of a processor")
    idle, begun = _megabytes(door), time.monotonic()
    next(iter(feeds.values())).move()
    news = await asyncio.gather(*(in_time(reader.readuntil(NEWS), PATIENCE) for reader, _ in ears))
    heard = len(news) - news.count(None)
    print(f"news reached {heard} of them within {time.monotonic() - begun:.1f} s")
    most = _megabytes(door, "VmHWM")
    for _, writer in ears:
        writer.close()
    for listener in served:
        await listener.close()
    lost = len(bearers) - heard
    return (
        Figure("the gateway's memory, no listener", alone, "MB"),
        Figure(f"with {len(bearers):,} idle listeners", idle, "MB", wanted=MOST),
        Figure("at the most, until all heard news", most, "MB", refused=lost, wanted=MOST),
    )


def measured(listeners: int) -> Sequence[Figure]:
    """The gateway's memory, with nobody who listens and with so many."""
    # Whoever still waits at a service of straw when it ends is no error.
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
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
        bearers = [token(oidc, f"listener.{number}@example.com") for number in range(listeners)]
        return asyncio.run(_measure(door, feeds, bearers))


def main() -> None:
    """Measures with as many listeners as the first argument says."""
    console = Console(width=WIDTH)
    figures = measured(int(sys.argv[1]) if len(sys.argv) > 1 else LISTENERS)
    show(figures, console)
    end(missed(figures), console)


if __name__ == "__main__":
    main()
