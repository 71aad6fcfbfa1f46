"""The version at which a database stands, held against those that a service has migrations for.

The history is read off the names of the files: Alembic, which reads the files themselves, would cost every process a
tenth of its start. A test holds the two to each other.
"""

from functools import cache
from typing import TYPE_CHECKING

from services.kit.db import Session, one

if TYPE_CHECKING:
    from services.kit.descriptor import Service


@cache
def history(service: "Service") -> tuple[str, ...]:
    """The service's versions, the newest first."""
    files = (service.migrations / "versions").glob("*.py")
    return tuple(sorted((path.name.partition("_")[0] for path in files), reverse=True))


async def version_of(session: Session) -> str | None:
    """The version at which the database stands, or None."""
    there = await one(session, "SELECT to_regclass('alembic_version') IS NOT NULL", {})
    row = await one(session, "SELECT version_num FROM alembic_version", {}) if there and there[0] else None
    return str(row[0]) if row else None


def behind(service: "Service", version: str | None) -> str | None:
    """Why a program cannot work on a database at that version (None: no version at all), or None when it can.

    A version that it does not know is a later one: a program goes on while its successor's migrations have run.
    """
    newest, *older = history(service)
    if version is None or version in older:
        return f"The database of {service.name} is at version {version or 'none'} and needs {newest}: migrate it."
    return None
