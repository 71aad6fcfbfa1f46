"""The PostgreSQL and the Kafka of one test run: started when first asked for, ended with the run.

Under pytest-xdist the controlling process owns them and answers its workers at a desk (a loopback socket):
a worker writes "postgres" or "kafka" and reads an address. However the run ends, the kernel ends them too.
"""

import fcntl
import os
import secrets
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import psycopg
from psycopg import sql

from deploy.local import launch
from deploy.local.kafka import KafkaBroker, equip
from deploy.local.launch import Program
from deploy.local.postgres import PostgresCluster, answers

DESK = "FOOTHOLD_TEST_DESK"

# Every test that wants a database gets one of its own, hundreds of small files: in memory that takes a tenth of the
# time, where there is enough of it.
_MEMORY = Path("/dev/shm")  # noqa: S108  # a directory of its own is made there
_ENOUGH = 4 << 30


class Servers(Protocol):
    """Whoever can say where the servers of this run are, starting them if need be."""

    def postgres(self) -> str:
        """The superuser's address of the database `postgres`."""
        ...

    def kafka(self) -> str:
        """The broker's bootstrap address."""
        ...


class Scratch:
    """A directory for the state of servers, in memory where there is enough of it.

    `close` removes it. What a holder leaves that was killed hard, the next one with the same `prefix` removes.
    """

    def __init__(self, prefix: str) -> None:
        _sweep(prefix)
        self.directory = Path(tempfile.mkdtemp(prefix=prefix, dir=_place()))
        self.directory.chmod(0o711)  # PostgreSQL's user passes through to a directory of its own.
        self._lock = _hold(self.directory)

    def close(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._lock.close()


class OwnServers:
    """Servers that this very process starts and ends."""

    def __init__(self) -> None:
        self._scratch = Scratch("foothold-tests-")
        self._directory = self._scratch.directory
        self._running: list[tuple[subprocess.Popen[bytes], Program]] = []
        self._postgres: str | None = None
        self._kafka: str | None = None

    def postgres(self) -> str:
        if self._postgres is None:
            self._postgres = self._start_postgres()
        return self._postgres

    def kafka(self) -> str:
        if self._kafka is None:
            self._kafka = self._start_kafka()
        return self._kafka

    def close(self) -> None:
        """End what runs, newest first, and remove every trace of it."""
        for child, program in reversed(self._running):
            launch.stop(child, program)
        self._running.clear()
        self._scratch.close()

    def _start_postgres(self) -> str:
        (port,) = launch.free_ports(1)
        cluster = PostgresCluster(
            directory=self._directory / "postgres",
            port=port,
            password=secrets.token_urlsafe(16),
            durable=False,
        )
        cluster.prepare()
        self._start(cluster.program(), lambda: answers(cluster.admin_url))
        return cluster.admin_url

    def _start_kafka(self) -> str:
        port, controller_port = launch.free_ports(2)
        equip()
        broker = KafkaBroker(directory=self._directory / "kafka", port=port, controller_port=controller_port)
        broker.prepare()
        self._start(broker.program(), lambda: launch.listens(port))
        return broker.bootstrap_servers

    def _start(self, program: Program, ready: Callable[[], bool]) -> None:
        log = self._directory / f"{program.name}.log"
        with log.open("ab") as output:
            child = launch.start(program, output)
        self._running.append((child, program))
        if not launch.wait_until(child, ready, seconds=60):
            raise RuntimeError(f"{program.name} did not come up:\n{log.read_text()[-4000:]}")


class Desk:
    """Answers the workers of a run. One thread serves and starts: the servers live as long as it does."""

    def __init__(self, servers: Servers) -> None:
        desk = _desk_handler(servers)
        self._server = socketserver.TCPServer((launch.LOOPBACK, 0), desk)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})
        self._thread.start()

    @property
    def address(self) -> str:
        """What the environment variable FOOTHOLD_TEST_DESK tells the workers."""
        return str(self._server.server_address[1])

    def close(self) -> None:
        """Answer no more. Whoever owns the servers ends them afterwards."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class ServersAtDesk:
    """What a worker knows: where the desk is."""

    def __init__(self, address: str) -> None:
        self._port = int(address)

    def postgres(self) -> str:
        return self._ask("postgres")

    def kafka(self) -> str:
        return self._ask("kafka")

    def _ask(self, name: str) -> str:
        with socket.create_connection((launch.LOOPBACK, self._port), timeout=120) as connection:
            connection.sendall(f"{name}\n".encode())
            answer = connection.makefile().readline().strip()
        if not answer:
            raise RuntimeError(f"the controlling process could not start {name}; see its output")
        return answer


class Databases:
    """Fresh databases on one server, in some 15 ms each; one prepared once is copied, not prepared again."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._connection = psycopg.connect(admin_url, autocommit=True)
        self._prepared: dict[Callable[[str], object], str] = {}

    def create(self, name: str = "test", prepare: Callable[[str], object] | None = None) -> str:
        """The address of a new database whose name starts with `name`.

        `prepare(url)` (migrations, say) runs once in this process, on a template that later calls copy.
        """
        return self._url(self._create(name, self._template(prepare) if prepare else "template0"))

    def drop(self, url: str) -> None:
        """Drop the database at `url`, whoever is still connected to it."""
        name = sql.Identifier(url.rpartition("/")[2])
        self._connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def close(self) -> None:
        self._connection.close()

    def _template(self, prepare: Callable[[str], object]) -> str:
        if prepare not in self._prepared:
            name = self._create("template", "template0")
            prepare(self._url(name))
            self._connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            self._prepared[prepare] = name
        return self._prepared[prepare]

    def _create(self, name: str, template: str) -> str:
        full_name = f"{name}_{secrets.token_hex(6)}"
        self._connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(full_name), sql.Identifier(template)
            )
        )
        return full_name

    def _url(self, name: str) -> str:
        return self._admin_url.rpartition("/")[0] + "/" + name


def _desk_handler(servers: Servers) -> type[socketserver.StreamRequestHandler]:
    answer = {b"postgres": servers.postgres, b"kafka": servers.kafka}

    class Clerk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(answer[self.rfile.readline().strip()]().encode() + b"\n")

    return Clerk


def _place() -> Path | None:
    """Where the servers keep their state; None for where temporary files are."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH
    return _MEMORY if roomy and os.access(_MEMORY, os.W_OK) else None


def _hold(directory: Path) -> IO[bytes]:
    lock = (directory / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


def _sweep(prefix: str) -> None:
    """Remove what runs that were killed hard left on the disk; a run that still lives holds its lock."""
    places = (Path(tempfile.gettempdir()), _MEMORY)
    for directory in (found for place in places for found in place.glob(f"{prefix}*")):
        with suppress(OSError):
            if directory.stat().st_uid == os.geteuid():
                with _hold(directory):
                    shutil.rmtree(directory, ignore_errors=True)
