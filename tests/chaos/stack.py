"""The stack under fire: PostgreSQL, Kafka, the issuer, two of every api and worker, two gateways, proxies between all.

    clients ── door ── gateway 1, 2 ── <service> ── api 1, 2 ── <process>-db ── PostgreSQL
                                                   worker 1, 2 ── <process>-db, kafka

A proxy stands for each of these edges: one in front of the gateways, one in front of the apis of each service, one
between each process and PostgreSQL, one in front of Kafka. The harness itself reads past them.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psycopg

from deploy.local import kafka, launch, topics
from deploy.local.identity import Identity
from deploy.local.kafka import KafkaBroker
from deploy.local.launch import LOOPBACK
from deploy.local.migrating import migrate_all
from deploy.local.postgres import PostgresCluster, answers, create_databases
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, accepts, health
from tests.chaos import proxies
from tests.chaos.ledger import open_ledger
from tests.chaos.proxies import Edge, Switchboard
from tests.chaos.roles import Role
from tests.chaos.servers import Server, kill_with_children
from tests.chaos.zygote import Zygote
from tests.servers import Scratch

READY_SECONDS: Final = 90.0
"""Seconds after which a process that is not ready will not be."""

_DRAIN = 25.0
_TRIES = 3
_POOL = "4"


@dataclass(frozen=True)
class Ports:
    """Where everything listens: processes, servers and edges by name."""

    of: Mapping[str, int]

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody has now."""
        names = [
            *PROCESSES,
            *EDGES,
            "issuer",
            "postgres",
            "kafka-node",
            "kafka-controller",
            "control",
        ]
        return cls(dict(zip(names, launch.free_ports(len(names)), strict=True)))

    def url(self, name: str) -> str:
        """The HTTP address of a process or an edge."""
        return f"http://{LOOPBACK}:{self.of[name]}"


APIS = tuple(f"{service}-api-{n}" for service in SERVICES for n in (1, 2))
WORKERS = tuple(f"{service}-worker-{n}" for service in SERVICES for n in (1, 2))
GATEWAYS = ("gateway-1", "gateway-2")
PROCESSES = (*APIS, *WORKERS, *GATEWAYS)
TO_POSTGRES = tuple(f"{name}-db" for name in (*APIS, *WORKERS))
TO_HTTP = ("door", *SERVICES)
EDGES = (*TO_HTTP, "kafka", *TO_POSTGRES)


class Process:
    """One of the processes that are forked; who forks it, as what, and which one it is now."""

    def __init__(self, name: str, role: Role, environment: Mapping[str, str], stack: "Stack") -> None:
        self.name = name
        self._role, self._environment, self._stack = role, environment, stack
        self._identity: Identity | None = None

    def start(self) -> None:
        """Forks it."""
        log = self._stack.log(self.name)
        self._identity = self._stack.zygote.fork(
            self._role, self._environment, log, mistake=self._stack.mistake
        )

    def alive(self) -> bool:
        """Whether it runs."""
        return self._identity is not None and self._identity.alive()

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal, if it runs."""
        if self._identity is not None and self._identity.alive():
            with suppress(ProcessLookupError):
                os.kill(self._identity.pid, number)

    async def end(self, number: signal.Signals, seconds: float) -> bool:
        """Sends the signal and waits for its end; whether that came in time."""
        self.send(number)
        return await until(lambda: not self.alive(), seconds)


class Stack:
    """Everything that runs, from `up` to `close`. `mistake` is planted in every api and worker."""

    def __init__(self, zygote: Zygote, logs: Path, *, mistake: str | None = None) -> None:
        self.zygote, self.mistake, self._logs = zygote, mistake, logs
        self._scratch = Scratch("foothold-chaos-")
        self.ports = Ports.free()
        self._password, self._owner_password = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        of = self.ports.of
        self.cluster = PostgresCluster(
            directory=self._scratch.directory / "postgres", port=of["postgres"], password=self._password
        )
        self.broker = KafkaBroker(
            directory=self._scratch.directory / "kafka",
            port=of["kafka-node"],
            controller_port=of["kafka-controller"],
            advertised_port=of["kafka"],
        )
        self.postgres = Server("postgres", self.cluster.program, self._postgres_answers, self.log("postgres"))
        self.kafka = Server("kafka", self.broker.program, self._kafka_answers, self.log("kafka"))
        self.switchboard = Switchboard(of["control"])
        self.processes = {name: self._process(name) for name in PROCESSES}
        self.issuer = self._forked("issuer", ["issuer"])
        self._proxies = Process(
            "proxies", ["proxies"], proxies.settings(self._edges(), of["control"]) | _path(), self
        )

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._logs / f"{name}.log"

    def database_url(self, service: str) -> str:
        """Where a service's database is, with nothing in between."""
        return self.cluster.url(f"foothold_{service}", self._owner_password)

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka is; its own word leads back to the proxy."""
        return f"{LOOPBACK}:{self.ports.of['kafka']}"

    async def up(self) -> None:
        """Brings everything up, empty and ready."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._proxies.start()
        self.issuer.start()
        await asyncio.gather(self._prepare_postgres(), self._prepare_kafka())
        await self.ready("issuer")
        for process in self.processes.values():
            process.start()
        ready = await asyncio.gather(*(self.ready(name) for name in PROCESSES))
        if not all(ready):
            raise RuntimeError(f"not every process became ready; see {self._logs}")

    async def ready(self, name: str, seconds: float = READY_SECONDS) -> bool:
        """Waits until a process says that it can do its work; whether it did in time."""
        with suppress(TimeoutError):
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client, asyncio.timeout(seconds):
                while not await self._is_ready(client, name):  # noqa: ASYNC110  # it is another process
                    await asyncio.sleep(0.1)
                return True
        return False

    async def roll(self, name: str) -> bool:
        """Ends a process by SIGTERM, starts it again, and waits until it is ready; whether it drained in time."""
        process = self.processes[name]
        drained = await process.end(signal.SIGTERM, _DRAIN)
        if not drained:
            await process.end(signal.SIGKILL, _DRAIN)
        process.start()
        await self.ready(name)
        return drained

    async def kill_postgres(self) -> None:
        """Kills the server with all of its processes at once, as a machine that loses power would."""
        await asyncio.to_thread(kill_with_children, self.postgres.kill, self.postgres.pid)

    def close(self) -> None:
        """Ends whatever runs and removes its state; histories and logs stay."""
        for process in (*self.processes.values(), self.issuer, self._proxies):
            process.send(signal.SIGKILL)
        self.kafka.kill()
        self.postgres.close()
        self._scratch.close()

    async def _is_ready(self, client: httpx.AsyncClient, name: str) -> bool:
        return await accepts(self.ports.of[name]) and await health(client, self.ports.url(name)) == "ready"

    async def _prepare_postgres(self) -> None:
        await asyncio.to_thread(self.cluster.prepare)
        await self.postgres.start()
        await asyncio.to_thread(self._prepare_databases)

    def _prepare_databases(self) -> None:
        names = [f"foothold_{service}" for service in SERVICES]
        create_databases(self.cluster.admin_url, names, self._owner_password)
        urls = {service: self.database_url(service) for service in SERVICES}
        os.environ.update({f"{service.upper()}_DATABASE_URL": url for service, url in urls.items()})
        migrate_all()
        for url in urls.values():
            with psycopg.connect(url) as connection:
                open_ledger(connection)

    async def _prepare_kafka(self) -> None:
        await asyncio.to_thread(kafka.equip)
        await asyncio.to_thread(self.broker.prepare)
        await self.kafka.start()
        # On a machine that has much else to do a broker that listens may be slow to answer.
        for _ in range(_TRIES):
            with suppress(StackProblem):
                return await asyncio.to_thread(self._make_topics)
        return await asyncio.to_thread(self._make_topics)

    def _make_topics(self) -> None:
        topics.apply(self.bootstrap_servers, topics.declared("laptop", environment={}))

    def _postgres_answers(self) -> bool:
        return answers(self.cluster.admin_url)

    def _kafka_answers(self) -> bool:
        return launch.listens(self.ports.of["kafka-node"])

    def _edges(self) -> tuple[Edge, ...]:
        of = self.ports.of
        behind = {service: tuple(of[f"{service}-api-{n}"] for n in (1, 2)) for service in SERVICES}
        behind |= {"door": tuple(of[name] for name in GATEWAYS), "kafka": (of["kafka-node"],)}
        behind |= dict.fromkeys(TO_POSTGRES, (of["postgres"],))
        return tuple(Edge(name, of[name], behind[name]) for name in EDGES)

    def _process(self, name: str) -> Process:
        service, _, rest = name.partition("-")
        if service == "gateway":
            return self._forked(name, ["gateway"])
        return self._forked(name, [rest.partition("-")[0], service])

    def _forked(self, name: str, role: Role) -> Process:
        return Process(name, role, self._settings(name), self)

    def _settings(self, name: str) -> dict[str, str]:
        """The environment of a process: its neighbours are where their proxies are."""
        of = self.ports.of
        told = {
            "FOOTHOLD_ENVIRONMENT": "development",
            "FOOTHOLD_HOME": str(self._scratch.directory / "issuer"),
            "HOST": LOOPBACK,
            "PORT": str(of[name]),
            "OIDC_ISSUER": self.ports.url("issuer"),
            "OIDC_AUDIENCE": "foothold",
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "DATABASE_POOL_SIZE": _POOL,
            "LOG_LEVEL": "warning",
            **{f"{service.upper()}_URL": self.ports.url(service) for service in SERVICES},
        }
        service = name.partition("-")[0]
        if service in SERVICES:
            url = self.database_url(service)
            told[f"{service.upper()}_DATABASE_URL"] = url.replace(
                f":{of['postgres']}/", f":{of[name + '-db']}/"
            )
        return told | _path()


async def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Waits until it holds, or the seconds are over; which of the two."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110  # what it waits for is in other processes
                await asyncio.sleep(0.02)
            return True
    return holds()


def _path() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONUNBUFFERED": "1"}
