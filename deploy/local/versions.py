"""Whether the databases stand at the migrations and topics of this checkout, known without importing the services.

Asking Alembic means importing every service, seconds of processor time at each start. Instead the home keeps a
digest of all migrations and the version each database had after they ran: while both are the same, nothing is due.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg

from deploy.local import topics
from deploy.local.stack import ROOT, SERVICES, Stack


def are_current(stack: Stack) -> bool:
    """Whether the last run of all migrations was of these, and the databases are those that it left."""
    path = _mark(stack)
    if not path.exists():
        return False
    return json.loads(path.read_text()) == _found(stack)


def remember(stack: Stack) -> None:
    """Note that all migrations ran."""
    _mark(stack).write_text(json.dumps(_found(stack)))


def _found(stack: Stack) -> dict[str, str | None]:
    versions = {service: _version(stack.database_url(service)) for service in SERVICES}
    return {"migrations": _digest(), **versions}


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for pattern in ("*/migrations/**/*.py", "*/migrations/**/*.sql", "kit/sql/**/*", "kit/migrations.py"):
        yield from (path for path in (ROOT / "services").glob(pattern) if path.is_file())
    yield topics.DECLARATION


def _version(url: str) -> str | None:
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def _mark(stack: Stack) -> Path:
    return stack.home.directory / "migrated.json"
