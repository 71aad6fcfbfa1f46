"""`make bench`: a stack of its own, a house of data through the importers, then load through the gateway.

Prints, a line each: how much, p50 and p99 in milliseconds, the ratio to a floor of the same run, and what is demanded.
Ends with 1 when something that is demanded is missed.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.console import Console

from deploy.local import status
from deploy.local.stack import SERVICES, Stack
from tests.bench import files, floors, pairs, stream
from tests.bench.events import Effects, catch_up, under_load
from tests.bench.figures import WIDTH, Figure, Wanted, end, missed, show
from tests.bench.load import Connection, Measured, Request, bearer, drive
from tests.bench.seeing import Sights
from tests.gateway.cost import token

FOOTHOLD = str(Path(sys.executable).with_name("foothold"))
CONNECTIONS = 16
IDLE_EFFECT, LOADED_EFFECT = 50, 250
"""Milliseconds from a commit to its effect in another service, at the 99th percentile."""
SIGHT = 1_000
"""Milliseconds from a change of who sees what until everybody concerned sees it, at the 99th percentile."""
CATCHING_UP = 5
"""How many times the greatest write rate a consumer handles."""
MAPS = 200
"""Deals that get a map of four people."""

ADMIN = "admin@example.com"
MANAGER = "manager.m000@example.com"
"""Sees the deals of a twentieth of the sellers, and what goes on at their accounts: the requests are theirs."""


@dataclass(frozen=True)
class Rows:
    """What requests are about: accounts, open deals that can be moved, and those of them with people on their maps."""

    accounts: list[dict[str, Any]]
    deals: list[dict[str, Any]]
    mapped: list[dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """One kind of request: `make(n)` is the n-th of them, sent to a process."""

    what: str
    make: Callable[[int], Request]
    process: str = "gateway"


class Bench:
    """The measurements, against one running stack."""

    def __init__(self, stack: Stack, seconds: float, console: Console) -> None:
        self._stack, self._seconds, self._console = stack, seconds, console
        self._headers = bearer(token_of(stack, MANAGER))
        self._chance = random.Random(11)  # noqa: S311  # picks rows, guards nothing
        self._run = int(time.time())
        self.figures: list[Figure] = []

    async def ids(self, path: str) -> list[dict[str, Any]]:
        """Up to 1,000 rows of a list."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        connection = self._connection()
        while len(rows) < 1000:
            _, body = await connection.send(Request("GET", f"{path}limit=200{cursor}", self._headers))
            page = json.loads(body)
            rows += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        connection.close()
        return rows

    def _connection(self, process: str = "gateway") -> Connection:
        return Connection("127.0.0.1", self._stack.port(process))

    async def measure(self, kind: Kind, *, floor: float) -> None:
        """Drives one kind of request for the given time."""
        got = await self.drive(kind, self._seconds)
        p50, p99 = got.quantile(0.5), got.quantile(0.99)
        self.figures.append(Figure(kind.what, got.rate, "/s", p50, p99, floor, got.refused))

    async def drive(self, kind: Kind, seconds: float, *, warm_up: float = 1.0) -> Measured:
        """What so many seconds of one kind of request give, after as many to warm up."""
        port = self._stack.port(kind.process)
        return await drive(
            "127.0.0.1", port, kind.make, seconds=seconds, connections=CONNECTIONS, warm_up=warm_up
        )

    def get(self, paths: list[str]) -> Callable[[int], Request]:
        """Requests that read the paths in a random order."""
        return lambda _: Request("GET", self._chance.choice(paths), self._headers)

    def post(
        self, path: Callable[[int], str], body: Callable[[int], dict[str, Any]]
    ) -> Callable[[int], Request]:
        """Requests that write, each under a key of its own."""

        def make(number: int) -> Request:
            key = ("Idempotency-Key", f"bench-{self._run}-{path(number)}-{number}")
            return Request("POST", path(number), (*self._headers, key), json.dumps(body(number)).encode())

        return make

    async def run(self) -> None:
        """Everything, in the order in which the data allows it."""
        empty = (await floors.empty_endpoint("127.0.0.1", self._stack.port("gateway"), self._seconds)).rate
        inner = (
            await floors.empty_endpoint("127.0.0.1", self._stack.port("opportunities-api"), self._seconds)
        ).rate
        commits = await floors.commits(self._stack.database_url("contacts"), self._seconds)
        self.figures.append(Figure("floor: empty endpoint, gateway", empty, "/s"))
        self.figures.append(Figure("floor: empty endpoint, service", inner, "/s"))
        self.figures.append(Figure("floor: durable insert, bare", commits, "/s"))
        rows = await self.rows()
        for kind in self.reads(rows):
            await self.measure(kind, floor=inner if kind.process != "gateway" else empty)
        writes = self.writes(rows)
        for kind in writes:
            await self.measure(kind, floor=commits)
        await asyncio.to_thread(drain, self._stack, "writes", self._console)
        creating = writes[0]
        await self._effects(rows.accounts, lambda number: creating.make(10**8 + number))

    async def rows(self) -> Rows:
        """What the requests are about; the first deals get people on their maps."""
        accounts = await self.ids("/v1/accounts?")
        deals = await self.ids("/v1/opportunities?status=OPEN&stage=ENGAGEMENT&account_id[null]=false&")
        await self._draw(deals[:MAPS])
        return Rows(accounts, deals, deals[:MAPS])

    async def _draw(self, deals: list[dict[str, Any]]) -> None:
        """Puts people on the map of each deal: what relationship and view are measured on."""
        roles = (["DECISION_MAKER", "APPROVER"], ["EVALUATOR"], ["USER"], ["COACH"])
        stances = ("FRIEND", "NEUTRAL", "OPPONENT", "FRIEND")
        connection = self._connection()

        async def send(method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
            headers = (*self._headers, ("If-Match", "*"))
            status, answer = await connection.send(Request(method, path, headers, json.dumps(body).encode()))
            if status >= 300:
                raise SystemExit(f"{method} {path}: {status} {answer.decode()}")
            return dict(json.loads(answer))

        for deal in deals:
            items: list[dict[str, Any]] = []
            for number, (role, stance) in enumerate(zip(roles, stances, strict=True)):
                person = {"account_id": deal["account_id"], "name": f"Person {number}", "department": "OTHER"}
                made = await send("POST", "/v1/contacts", person | {"level": "BASE"})
                item = {"contact_id": made["id"], "roles": role, "influence": "M", "stance": stance}
                items.append(item | ({"degree": 2} if stance != "NEUTRAL" else {}))
            await send("PUT", f"/v1/opportunities/{deal['id']}/stakeholders", {"items": items})
        connection.close()

    def reads(self, rows: Rows) -> Sequence[Kind]:
        """Every kind of request that reads."""
        owners = sorted({deal["owner_id"] for deal in rows.mapped})
        lists = [f"/v1/opportunities?limit=50&stage=ENGAGEMENT&owner_id={owner}" for owner in owners]
        searches = [f"/v1/accounts?q={n:03d}" for n in range(100, 1000)]
        maps = [f"/v1/opportunities/{deal['id']}/relationship" for deal in rows.mapped]
        views = [f"/v1/accounts/{account['id']}/view" for account in rows.accounts]
        return [
            Kind("account view", self.get(views)),
            Kind("50 deals by stage and owner", self.get(lists)),
            Kind("the same at the service", self.get(lists), process="opportunities-api"),
            Kind("search by name", self.get(searches)),
            Kind("relationship", self.get(maps)),
        ]

    def writes(self, rows: Rows) -> Sequence[Kind]:
        """Every kind of request that writes."""
        accounts, deals = rows.accounts, rows.deals
        now = datetime.now(UTC).isoformat()

        def activity(number: int) -> dict[str, Any]:
            account = accounts[number % len(accounts)]["id"]
            return {
                "type": "CALL",
                "status": "DONE",
                "subject": f"Bench {number}",
                "started_at": now,
                "account_id": account,
            }

        def deal(number: int) -> dict[str, Any]:
            account = accounts[number % len(accounts)]["id"]
            return {"name": f"Bench {number}", "account_id": account, "amount": 100_00, "currency": "USD"}

        ladder = ("TARGETING", "ENGAGEMENT")

        def stage(number: int) -> str:
            return f"/v1/opportunities/{deals[number % len(deals)]['id']}/stage"

        def move(number: int) -> dict[str, Any]:
            return {"to": ladder[number // len(deals) % 2], "note": "bench"}

        return [
            Kind("create activity", self.post(lambda _: "/v1/activities", activity)),
            Kind("create deal", self.post(lambda _: "/v1/opportunities", deal)),
            Kind("move stage", self.post(stage, move)),
        ]

    async def _effects(self, accounts: list[dict[str, Any]], writing: Callable[[int], Request]) -> None:
        """What a change takes to be seen elsewhere, on an idle stack and under half of the greatest write rate."""
        headers = bearer(token_of(self._stack, ADMIN))
        effects, sights = Effects(self._stack, headers, accounts), Sights(self._stack, headers)
        await effects.measure(20)
        await sights.prepare()

        async def both() -> tuple[Measured, ...]:
            return await effects.measure(), *await sights.measure()

        self._tell("idle", await both(), (IDLE_EFFECT, SIGHT, SIGHT))
        half = self._greatest() / 2
        measured, rate = await under_load(self._stack.port("gateway"), writing, half, both)
        self._tell(f"{rate:.0f} of {half:.0f} writes/s", measured, (LOADED_EFFECT, SIGHT, SIGHT))

    def _tell(self, when: str, measured: Iterable[Measured], most: Sequence[float]) -> None:
        """A line for each, whose 99th percentile is so many milliseconds at the most."""
        whats = (
            "commit to effect elsewhere",
            "change of sight to every list",
            "change of sight to the stream",
        )
        for what, got, bound in zip(whats, measured, most, strict=True):
            p50, p99 = got.quantile(0.5), got.quantile(0.99)
            wanted = Wanted("p99 ms", most=bound)
            told = Figure(f"{what}, {when}", got.rate, "/s", p50, p99, refused=got.refused, wanted=wanted)
            self.figures.append(told)

    def catch_up(self) -> None:
        """How fast a consumer handles what it has missed, and how that compares with the greatest write rate."""
        handled, took = catch_up(self._stack, FOOTHOLD, dict(self._stack.environment))
        what, wanted = f"catching up {handled:,} events", Wanted("of the floor", least=CATCHING_UP)
        self.figures.append(Figure(what, handled / took, "/s", floor=self._greatest(), wanted=wanted))

    def _greatest(self) -> float:
        """The greatest write rate."""
        return max(figure.amount for figure in self.figures if figure.what.startswith("create"))


@contextmanager
def own_stack(base_port: int, foothold: str = FOOTHOLD) -> Generator[Stack]:
    """An empty stack of the benchmark's own, ended and removed afterwards; `foothold` is the command that runs it."""
    home = Path(tempfile.mkdtemp(prefix="foothold-bench-"))
    home.chmod(0o755)
    environment = {**os.environ, "FOOTHOLD_HOME": str(home), "FOOTHOLD_PORT": str(base_port)}
    subprocess.run([foothold, "up", "--detach", "--empty"], env=environment, check=True)
    try:
        yield Stack.from_environment(environment)
    finally:
        subprocess.run([foothold, "down"], env=environment, check=False)
        shutil.rmtree(home, ignore_errors=True)


def token_of(stack: Stack, email: str) -> str:
    """Somebody's token."""
    return token(stack.url("issuer"), email)


IMPORTS = (
    ("members", "sales_teams.csv", "maven-crm"),
    ("products", "products.csv", "maven-crm"),
    ("accounts", "accounts.csv", "maven-crm"),
    ("opportunities", "sales_pipeline.csv", "maven-crm"),
    ("activities", "activities.csv", "maven-crm"),
)


def load(stack: Stack, token: str, folder: Path, console: Console) -> Iterator[Figure]:
    """Imports the files and tells how fast each went, from the upload's first byte to the job's end.

    Then it waits until its events have reached every consumer, so that what comes next has the machine to itself.
    """
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=stack.url("gateway"), headers=headers, timeout=600) as client:
        for noun, name, profile in IMPORTS:
            floor = floors.copied_rows(stack.database_url("contacts"), folder / name)
            began = time.perf_counter()
            counts = import_file(client, noun, folder / name, profile)
            took = time.perf_counter() - began
            console.print(f"{noun}: {counts} in {took:.1f} s")
            yield Figure(
                f"import {noun}", counts["created"] / took, "rows/s", floor=floor, refused=counts["refused"]
            )
            yield drain(stack, noun, console)
    analyze(stack)


def analyze(stack: Stack) -> None:
    """Has PostgreSQL count what it holds now, as it would by itself within a minute: plans depend on it."""
    for service in SERVICES:
        with psycopg.connect(stack.database_url(service), autocommit=True) as session:
            session.execute("ANALYZE")


def drain(stack: Stack, noun: str, console: Console) -> Figure:
    """Waits until every event has reached every consumer; tells how many were on their way, and how fast they were."""
    began = time.perf_counter()
    most = left = _behind(stack)
    while left:
        time.sleep(1)
        left = _behind(stack)
        most = max(most, left)
    took = time.perf_counter() - began
    console.print(f"{noun}: {most:,} events were still on their way, and arrived within {took:.1f} s")
    return Figure(f"events of {noun} after it", most / took, "/s")


def _behind(stack: Stack) -> int:
    return sum(map(waiting, status.gather(stack)["events"].values()))


def waiting(told: dict[str, Any]) -> int:
    """How many events wait, of those that `foothold status` tells of one service."""
    lag: dict[str, int] = told["lag"] or {}
    return (told["unnumbered"] or 0) + (told["unpublished"] or 0) + sum(lag.values())


def import_file(client: httpx.Client, noun: str, file: Path, profile: str) -> dict[str, int]:
    """Imports a file and waits for the end of it; what became of its rows, counted."""
    with file.open("rb") as content:
        answer = client.post(
            f"/v1/{noun}/imports", files={"file": (file.name, content, "text/csv")}, data={"profile": profile}
        )
    answer.raise_for_status()
    job = answer.json()
    while job["state"] in ("QUEUED", "RUNNING"):
        time.sleep(0.05)
        job = client.get(f"/v1/{noun}/imports/{job['id']}").raise_for_status().json()
    if job["state"] != "DONE":
        raise SystemExit(f"The import of {noun} failed: {job}")
    return dict(job["counts"])


def measured(asked: argparse.Namespace, console: Console) -> Sequence[Figure]:
    """What a stack of its own does, and what the gateway's memory is while many listen."""
    with own_stack(asked.port) as stack, tempfile.TemporaryDirectory() as folder:
        files.write(Path(folder), files.Size().scaled(asked.scale), datetime.now(UTC).date())
        figures = list(load(stack, token_of(stack, ADMIN), Path(folder), console))
        bench = Bench(stack, asked.seconds, console)
        asyncio.run(bench.run())
        bench.catch_up()
    return *figures, *bench.figures, *stream.measured(stream.LISTENERS)


def main() -> None:
    """Parses the arguments and runs it all; what is missed is told when everything has been measured."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of 10,000 accounts, 100,000 deals, 300,000 activities"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--port", type=int, default=8400, help="of the stack's gateway")
    parser.add_argument(
        "--rows", type=pairs.at_least, default=pairs.ROWS, help="of each table on which lists are read"
    )
    asked = parser.parse_args()
    console = Console(width=WIDTH)
    figures = measured(asked, console)
    show(figures, console)
    end([*missed(figures), *pairs.wrong(asked.rows, console)], console)


if __name__ == "__main__":
    main()
