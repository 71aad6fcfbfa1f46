"""What a stack consists of: its ports, the addresses of its parts, and the processes in the order they need.

Ports follow the gateway's, FOOTHOLD_PORT: +1 to +3 the services, +4 the development issuer, +5 to +7 their
workers, +8 PostgreSQL, +9 and +10 Kafka. Addresses in the environment replace the parts of our own.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from deploy.local.home import Home
from deploy.local.launch import LOOPBACK, Program
from deploy.local.problems import StackProblem
from deploy.local.supervisor import Charge

# What runs the servers imports their clients, most of a second of processor time: whoever asks a stack that runs
# already need not wait for that.
if TYPE_CHECKING:
    from deploy.local.kafka import KafkaBroker
    from deploy.local.postgres import PostgresCluster
    from services.kit.descriptor import Service

ROOT = Path(__file__).parents[2]
SERVICES = ("contacts", "opportunities", "activities")
OFFSETS = {
    "gateway": 0,
    "contacts-api": 1,
    "opportunities-api": 2,
    "activities-api": 3,
    "issuer": 4,
    "contacts-worker": 5,
    "opportunities-worker": 6,
    "activities-worker": 7,
    "postgres": 8,
    "kafka": 9,
    "kafka-controller": 10,
}
STORES, ISSUER, APIS, WORKERS, DOOR = range(5)
# Seconds. A machine that is busy otherwise may need a minute for what takes an idle one a few seconds.
_PATIENCE = 180.0


def service_of(name: str) -> "Service":
    """The descriptor of a service; its code, seconds of processor time, is imported as it is wanted."""
    return import_module(f"services.{name}.main").SERVICE


@dataclass(frozen=True)
class Stack:
    """One stack: where it keeps its state, and the port of its gateway."""

    home: Home
    base_port: int
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Stack":
        """The stack that FOOTHOLD_HOME and FOOTHOLD_PORT mean; their defaults are .local and 8000."""
        given = dict(os.environ) if environment is None else environment
        home = Home(Path(given.get("FOOTHOLD_HOME") or ROOT / ".local"))
        return cls(home, _port(given.get("FOOTHOLD_PORT") or "8000"), given)

    def port(self, name: str) -> int:
        """The port of one process."""
        return self.base_port + OFFSETS[name]

    def url(self, name: str) -> str:
        """The HTTP address of one process."""
        return f"http://{LOOPBACK}:{self.port(name)}"

    @property
    def owns_postgres(self) -> bool:
        """Whether any service lacks a database address of yours."""
        return any(not self._given_database(service) for service in SERVICES)

    @property
    def owns_kafka(self) -> bool:
        """Whether the environment names no broker."""
        return not self.environment.get("KAFKA_BOOTSTRAP_SERVERS")

    @property
    def owns_issuer(self) -> bool:
        """Whether the environment names no OpenID issuer."""
        return not self.environment.get("OIDC_ISSUER")

    @property
    def cluster(self) -> "PostgresCluster":
        """Our own PostgreSQL."""
        from deploy.local.postgres import PostgresCluster, state_directory

        return PostgresCluster(
            directory=state_directory(self.home.directory),
            port=self.port("postgres"),
            password=self.home.password("postgres superuser"),
        )

    @property
    def broker(self) -> "KafkaBroker":
        """Our own Kafka."""
        from deploy.local.kafka import KafkaBroker

        return KafkaBroker(
            directory=self.home.kafka, port=self.port("kafka"), controller_port=self.port("kafka-controller")
        )

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address, yours or ours."""
        return self.environment.get("KAFKA_BOOTSTRAP_SERVERS") or f"{LOOPBACK}:{self.port('kafka')}"

    @property
    def issuer(self) -> str:
        """The OpenID issuer, yours or ours."""
        return self.environment.get("OIDC_ISSUER") or self.url("issuer")

    def database_url(self, service: str) -> str:
        """The address of a service's database, yours or ours."""
        return self._given_database(service) or self.cluster.url(
            f"foothold_{service}", self.home.password("postgres foothold")
        )

    def own_databases(self) -> list[str]:
        """The names of the databases that are ours to make."""
        return [f"foothold_{service}" for service in SERVICES if not self._given_database(service)]

    def foreign_databases(self) -> dict[str, str]:
        """Setting and address of each database that the environment names."""
        given = {_database_setting(service): self._given_database(service) for service in SERVICES}
        return {setting: url for setting, url in given.items() if url}

    def addresses(self) -> dict[str, str]:
        """Where everything is, under the names of the settings."""
        return {
            "gateway": self.url("gateway"),
            "OIDC_ISSUER": self.issuer,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            **{_database_setting(service): self.database_url(service) for service in SERVICES},
            **{f"{service.upper()}_URL": self.url(f"{service}-api") for service in SERVICES},
        }

    def settings(self) -> dict[str, str]:
        """The environment of every process, but for its own PORT."""
        addresses = self.addresses()
        del addresses["gateway"]
        defaults = {"FOOTHOLD_ENVIRONMENT": "development", "OIDC_AUDIENCE": "foothold"}
        return {
            **defaults,
            **self.environment,
            **addresses,
            "FOOTHOLD_HOME": str(self.home.directory),
            "FOOTHOLD_PORT": str(self.base_port),
            "HOST": LOOPBACK,
            "PYTHONUNBUFFERED": "1",
        }

    def ports(self) -> dict[str, int]:
        """Name and port of everything that is ours to start."""
        ours = {
            "issuer": self.owns_issuer,
            "postgres": self.owns_postgres,
            "kafka": self.owns_kafka,
            "kafka-controller": self.owns_kafka,
        }
        return {name: self.port(name) for name in OFFSETS if ours.get(name, True)}

    def program(self, name: str, module: str, *arguments: str) -> Program:
        """A Python module of ours, with the stack's settings; listening on the port of `name`."""
        port = self.port(name) if name in OFFSETS else 0
        return Program(
            name=name,
            argv=(sys.executable, "-m", module, *arguments),
            port=port,
            environment={**self.settings(), "PORT": str(port)},
            directory=ROOT,
        )

    def charges(self, client: httpx.AsyncClient) -> list[Charge]:
        """Issuer, apis, workers and gateway; PostgreSQL and Kafka come before."""
        issuer = [("issuer", "deploy.local.issuer", (), ISSUER)] if self.owns_issuer else []
        apis = [(f"{name}-api", f"services.{name}.main", ("api",), APIS) for name in SERVICES]
        workers = [(f"{name}-worker", f"services.{name}.main", ("worker",), WORKERS) for name in SERVICES]
        gateway = [("gateway", "gateway.main", (), DOOR)]
        return [
            self._charge(client, name, module, arguments, stage)
            for name, module, arguments, stage in (*issuer, *apis, *workers, *gateway)
        ]

    def _charge(
        self, client: httpx.AsyncClient, name: str, module: str, arguments: tuple[str, ...], stage: int
    ) -> Charge:
        async def ready() -> bool:
            # A look at the port first: it costs a tenth of a request, and most looks come too early.
            return await accepts(self.port(name)) and await health(client, self.url(name)) == "ready"

        program = self.program(name, module, *arguments)
        return Charge(program=program, ready=ready, stage=stage, patience=_PATIENCE)

    def _given_database(self, service: str) -> str | None:
        return self.environment.get(_database_setting(service)) or None


async def accepts(port: int) -> bool:
    """Whether something accepts connections on loopback `port`."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def health(client: httpx.AsyncClient, url: str) -> str:
    """`ready`, `not ready` or `silent`: what the process at `url` says of itself."""
    try:
        answer = await client.get(f"{url}/readyz")
    except httpx.HTTPError:
        return "silent"
    return "ready" if answer.status_code == 200 else "not ready"


def _database_setting(service: str) -> str:
    return f"{service.upper()}_DATABASE_URL"


def _port(text: str) -> int:
    highest = 65_535 - 19
    if not text.isdecimal() or not 1024 <= int(text) <= highest:
        raise StackProblem(f"FOOTHOLD_PORT={text}: give a number from 1024 to {highest}.")
    return int(text)
