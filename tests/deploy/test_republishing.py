"""Asking for what there is not to be told again or made anew, or of whom nobody can ask it."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from deploy.local.command import app
from services.activities.main import SERVICE
from services.kit import migrations
from tests.conftest import DatabaseUrl

# Nothing is asked of them.
ADDRESSES = {f"{name}_DATABASE_URL": "postgresql://" for name in ("CONTACTS", "OPPORTUNITIES", "ACTIVITIES")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("republish", "orders"),
            "There is no service orders; there is: contacts, opportunities, activities.",
        ),
        (
            ("republish", "contacts", "--aggregate", "deal"),
            "contacts has no deal; there is: member, account, ",
        ),
        (
            ("rebuild", "activities", "--from", "activities"),
            "activities keeps no copies of activities; there is: ",
        ),
        (("new-epoch", "gateway"), "There is no service gateway; "),
    ],
)
def test_what_there_is_not_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    environment = {**ADDRESSES, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "FOOTHOLD_HOME": str(tmp_path)}
    ran = CliRunner().invoke(app, ["events", *arguments], env=environment)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert said in ran.stderr


def test_a_rebuild_whose_owner_cannot_be_asked_is_withdrawn(
    tmp_path: Path, database_url: DatabaseUrl, kafka_bootstrap: str
) -> None:
    """Else its copies would forget their versions batch by batch, for a republish that never comes."""
    reader = database_url("activities", lambda url: migrations.upgrade(SERVICE, url))
    environment = {
        **ADDRESSES,
        "ACTIVITIES_DATABASE_URL": reader,
        "CONTACTS_DATABASE_URL": "postgresql://127.0.0.1:1/contacts?connect_timeout=1",
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "FOOTHOLD_HOME": str(tmp_path),
    }
    ran = CliRunner().invoke(app, ["events", "rebuild", "activities", "--from", "contacts"], env=environment)
    assert ran.exit_code == 1
    assert "The database does not answer" in ran.stderr
    with psycopg.connect(reader) as connection:
        assert connection.execute("SELECT count(*) FROM rebuild").fetchone() == (0,)
