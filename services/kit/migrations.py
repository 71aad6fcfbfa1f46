"""Migrations: one Alembic history a service, run by `foothold migrate`, one statement of truth in its versions folder.

The kit's own tables and triggers are frozen SQL files beside this module; each service's history executes them.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, create_engine, text

if TYPE_CHECKING:
    from services.kit.descriptor import Service

SQL = Path(__file__).parent / "sql"
OLDEST_SERVER = 180000
_KIT_TABLES = re.compile(
    r"^(journal|journal_.*|idempotency_key|consumer_position|parked_.*|topic_declared|rebuild|person_up|account_seat|account_view"
    r"|external_id|erasure|job|job_.*|import_.*|alembic_version)$"
)


class ServerTooOld(Exception):
    """The PostgreSQL server is older than the platform needs; the message names it."""


def kit_sql(name: str) -> str:
    """The text of one of the kit's frozen SQL files."""
    return (SQL / name).read_text(encoding="utf-8")


def execute_kit_sql(connection: Connection, name: str) -> None:
    """Executes one of the kit's frozen SQL files; a migration gives `op.get_bind()`."""
    connection.exec_driver_sql(kit_sql(name).replace("%", "%%"))


def engine_of(url: str) -> Engine:
    """A synchronous engine for Alembic; the address is as in the settings."""
    return create_engine(re.sub("^postgres(ql)?://", "postgresql+psycopg://", url))


def config_of(service: "Service", url: str) -> Config:
    """The Alembic configuration of a service, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(service.migrations).replace("%", "%%"))
    config.attributes["url"] = url
    config.attributes["metadata"] = service.metadata
    return config


def upgrade(service: "Service", url: str) -> str:
    """Brings the database to the head of the service's history and returns the head. Raises ServerTooOld."""
    _check_server(service.name, url)
    config = config_of(service, url)
    command.upgrade(config, "head")
    return head(service)


def head(service: "Service") -> str:
    """The newest version in the service's history."""
    found = ScriptDirectory(str(service.migrations)).get_current_head()
    assert found is not None
    return found


def _check_server(name: str, url: str) -> None:
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise ServerTooOld(
            f"The database of {name} is served by PostgreSQL {version // 10000}; Foothold needs PostgreSQL 18 or later."
        )


def ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
    """Whether Alembic compares a thing with the models: the kit's own tables are its SQL file's business."""
    return not (kind == "table" and name is not None and _KIT_TABLES.match(name))


def run(config: Config, metadata: MetaData) -> None:
    """What every service's env.py does: one transaction for all versions, one migration at a time."""
    engine = engine_of(config.attributes["url"])
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=metadata, include_object=ours, compare_server_default=False
        )
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(7100, 0)"))
            context.run_migrations()
    engine.dispose()
