"""Asking for what there is not to be told again, or made anew."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.command import app

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
