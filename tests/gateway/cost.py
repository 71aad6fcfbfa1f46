"""What the gateway costs a request: `python -m tests.gateway.cost [SECONDS]`, on Linux.

Three empty services and the gateway, each a process of its own. Prints for each path the rate, latencies, and the
processor time that one request takes in the process asked; the floor is the same request straight at an empty service.
Processor time holds on a busy machine, where rates do not.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deploy.local.launch import free_ports, listens
from services.kit.serving import serve
from tests.bench.load import Request, drive
from tests.bench.processor import seconds_and_parent

ACCOUNT = "01a20127-d823-77b7-8f2d-d7bc50c99046"
KEYS = {
    "contacts": ("account", "standing", "people"),
    "opportunities": ("deals", "totals"),
    "activities": ("activities", "minutes", "last_touch"),
}
PART_BYTES = 4_000


@dataclass(frozen=True)
class Process:
    """A process under measurement."""

    pid: int
    port: int

    def seconds(self) -> float:
        """Processor time so far."""
        return seconds_and_parent(self.pid)[0]


def empty_service(part: str, port: int) -> None:
    """Serves its part of a view, of some 4 kB, to whatever it is asked."""
    told = {key: [] for key in KEYS[part]} | {KEYS[part][0]: ["x" * PART_BYTES]}
    answer = Response(orjson.dumps(told), media_type="application/json")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await receive()
            await answer(scope, receive, send)

    serve(app, host="127.0.0.1", port=port)


async def measure(what: str, process: Process, request: Request, seconds: float) -> None:
    """Prints a line."""
    await drive("127.0.0.1", process.port, lambda _: request, seconds=1)
    before = process.seconds()
    got = await drive("127.0.0.1", process.port, lambda _: request, seconds=seconds, warm_up=0)
    spent = (process.seconds() - before) / len(got.latencies) * 1e6
    print(
        f"{what:24} {got.rate:8.0f}/s  p50 {got.quantile(0.5):6.2f} ms  p99 {got.quantile(0.99):6.2f} ms"
        f"  {spent:5.0f} us of processor  {got.refused} refused"
    )


@contextmanager
def started(*argv: str, port: int, **environment: str) -> Generator[Process]:
    """A process of the project, listening."""
    environ = {**os.environ, **environment, "PORT": str(port)}
    with subprocess.Popen([sys.executable, "-m", *argv], env=environ, stdout=subprocess.DEVNULL) as child:
        while not listens(port) and child.poll() is None:
            os.sched_yield()
        yield Process(child.pid, port)
        child.terminate()


def token(issuer: str, email: str = "admin@example.com") -> str:
    """A token of the development issuer."""
    form = urllib.parse.urlencode({"grant_type": "development", "email": email}).encode()
    with urllib.request.urlopen(f"{issuer}/token", form) as answer:  # noqa: S310 - an address of ours
        return orjson.loads(answer.read())["access_token"]


async def compare(gateway: Process, service: Process, bearer: str, seconds: float) -> None:
    """Each path, at the floor and through the gateway."""
    headers = (("Authorization", f"Bearer {bearer}"), ("Accept", "application/json"))
    read = Request("GET", "/v1/accounts?limit=50", headers)
    write = Request("POST", "/v1/accounts", headers, b'{"name":"Foothold","industry":"software"}')
    view = Request("GET", f"/v1/accounts/{ACCOUNT}/view", headers)
    await measure("read, empty service", service, read, seconds)
    await measure("read, forwarded", gateway, read, seconds)
    await measure("write, empty service", service, write, seconds)
    await measure("write, forwarded", gateway, write, seconds)
    await measure("view of three", gateway, view, seconds)


def main(seconds: float) -> None:
    """Starts everything, measures, ends everything."""
    gateway, issuer, *ports = free_ports(5)
    addresses = {
        f"{part.upper()}_URL": f"http://127.0.0.1:{port}" for part, port in zip(KEYS, ports, strict=True)
    }
    oidc = f"http://127.0.0.1:{issuer}"
    with (
        tempfile.TemporaryDirectory() as home,
        started("tests.gateway.cost", "contacts", port=ports[0]) as contacts,
        started("tests.gateway.cost", "opportunities", port=ports[1]),
        started("tests.gateway.cost", "activities", port=ports[2]),
        started("deploy.local.issuer", port=issuer, OIDC_ISSUER=oidc, FOOTHOLD_HOME=home),
        started("gateway.main", port=gateway, OIDC_ISSUER=oidc, **addresses) as door,
    ):
        asyncio.run(compare(door, contacts, token(oidc), seconds))


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in KEYS:
        empty_service(sys.argv[1], int(os.environ["PORT"]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 3)
