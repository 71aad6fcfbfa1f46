"""Migrations: from nothing to the head, once however many ask for it, and what a program makes of other versions."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from time import sleep

import psycopg
import pytest

from services.kit import migrations, versions
from services.kit.run import create_worker
from tests.apis import serving
from tests.conftest import DatabaseUrl
from tests.kit.library import SERVICE, Library, opened, prepare
from tests.problems import assert_problem


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("migrations", prepare)) as it:
        yield it


WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_a_migration_waits_for_another(database_url: DatabaseUrl) -> None:
    url = database_url("migrations")
    with psycopg.connect(url, autocommit=True) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_lock(7100, 0)")
        running = pool.submit(migrations.upgrade, SERVICE, url)
        while other.execute(WAITING).fetchone() == (0,) and not running.done():
            sleep(0.05)
        there = other.execute("SELECT to_regclass('book')").fetchone()
        other.execute("SELECT pg_advisory_unlock(7100, 0)")
        assert running.result() == "0001"
        assert there == (None,)
        assert migrations.upgrade(SERVICE, url) == "0001"


def test_a_folder_of_any_name_holds_migrations(database_url: DatabaseUrl, tmp_path: Path) -> None:
    odd = copytree(SERVICE.migrations, tmp_path / "100% odd")
    url = database_url("migrations").replace("postgresql://", "postgres://")
    assert migrations.upgrade(replace(SERVICE, migrations=odd), url) == "0001"


def test_an_old_server_is_refused_by_name(database_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 990000)
    with pytest.raises(migrations.ServerTooOld, match="library is served by PostgreSQL 18"):
        migrations.upgrade(SERVICE, database_url("migrations"))


async def test_an_api_is_ready_at_its_own_version_and_at_later_ones(library: Library) -> None:
    for version, status in (("0001", 200), ("0002", 200)):
        await library.rows("UPDATE alembic_version SET version_num = %(to)s", to=version)
        assert (await library.client.get("/readyz")).status_code == status
    await library.rows("DELETE FROM alembic_version")
    assert_problem(await library.client.get("/readyz"), 503, "not_migrated")
    await library.rows("DROP TABLE alembic_version")
    assert_problem(await library.client.get("/readyz"), 503, "not_migrated")


async def test_a_worker_is_not_ready_before_its_database_is(library: Library) -> None:
    worker = create_worker(SERVICE, library.app.state.settings)
    await library.rows("DELETE FROM alembic_version")
    async with serving(worker) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert_problem(await client.get("/readyz"), 503, "not_migrated")


def test_an_older_version_is_told_what_it_needs() -> None:
    assert versions.behind(SERVICE, "0001") is None
    assert "is at version none and needs 0001" in (versions.behind(SERVICE, None) or "")
