"""Fixtures of every test: a real PostgreSQL and a real Kafka of this run, started when first asked for."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import pytest
import uvloop

from deploy.local import topics
from tests.servers import DESK, Databases, Desk, OwnServers, Servers, ServersAtDesk

# A plugin, for a fixture imported into two conftests would be two fixtures, and bring up two stacks.
pytest_plugins = ("tests.stack",)

_servers = pytest.StashKey[OwnServers]()
_desk = pytest.StashKey[Desk]()


class DatabaseUrl(Protocol):
    """Makes a fresh database and returns its address; it is dropped after the test."""

    def __call__(self, name: str = "test", prepare: Callable[[str], object] | None = None) -> str:
        """`prepare(url)` runs once in a process, on a template which this and later calls copy."""
        ...


class KafkaTopic(Protocol):
    """Makes a topic of a name that no other test has, and returns the name; it is deleted after the test."""

    def __call__(self, name: str = "test", partitions: int = 1) -> str: ...


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that serves, for it sees a broken connection otherwise than asyncio's own does."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_configure(config: pytest.Config) -> None:
    if _is_worker(config):
        return
    servers = config.stash[_servers] = OwnServers()
    if getattr(config.option, "numprocesses", None):
        desk = config.stash[_desk] = Desk(servers)
        os.environ[DESK] = desk.address


def pytest_unconfigure(config: pytest.Config) -> None:
    if desk := config.stash.get(_desk, None):
        desk.close()
    if servers := config.stash.get(_servers, None):
        servers.close()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """Where the servers of this run are, started when first asked for."""
    if _is_worker(request.config):
        return ServersAtDesk(os.environ[DESK])
    return request.config.stash[_servers]


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> str:
    """The superuser's address of this run's PostgreSQL, database `postgres`."""
    return servers.postgres()


@pytest.fixture(scope="session")
def databases(postgres: str) -> Iterator[Databases]:
    """Makes databases that outlive a test; `database_url` is for those that do not."""
    made = Databases(postgres)
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[DatabaseUrl]:
    """`database_url()` is the address of a fresh, empty database; see DatabaseUrl."""
    created: list[str] = []

    def create(name: str = "test", prepare: Callable[[str], object] | None = None) -> str:
        created.append(databases.create(name, prepare))
        return created[-1]

    yield create
    for url in created:
        databases.drop(url)


@pytest.fixture(scope="session")
def kafka_bootstrap(servers: Servers) -> str:
    """The bootstrap address of this run's Kafka, shared by all its tests: name your topics apart."""
    return servers.kafka()


@pytest.fixture
def kafka_topic(kafka_bootstrap: str) -> Iterator[KafkaTopic]:
    """`kafka_topic()` is the name of a fresh topic; see KafkaTopic."""
    made: list[str] = []
    admin = topics.connect(kafka_bootstrap)

    def make(name: str = "test", partitions: int = 1) -> str:
        made.append(f"{name}.{secrets.token_hex(6)}")
        admin.create_topics({made[-1]: {"num_partitions": partitions, "replication_factor": 1}})
        admin.wait_for_topics(made[-1:])
        return made[-1]

    yield make
    if made:
        admin.delete_topics(made)
    admin.close()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
