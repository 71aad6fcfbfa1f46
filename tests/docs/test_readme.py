"""What the README says of settings, files and commands is so."""

import re

import pytest

from deploy.local.command import app
from deploy.local.stack import OFFSETS, ROOT
from services.kit.settings import Settings
from tests.docs.readme import links, section

SETTINGS = frozenset(re.findall(r"`([A-Z][A-Z_]+)`", section("Settings")))
# Settings of the `foothold` command rather than of a process.
OF_THE_COMMAND = frozenset({"FOOTHOLD_HOME", "FOOTHOLD_PORT", "FOOTHOLD_TOKEN"})
KNOWN = frozenset(name.upper() for name in Settings.model_fields) | OF_THE_COMMAND


def test_every_setting_is_in_the_table() -> None:
    assert not KNOWN - SETTINGS


def test_every_setting_in_the_table_exists() -> None:
    assert not SETTINGS - KNOWN - {"UTC", "USD"}


def test_every_process_is_in_the_table_at_its_port() -> None:
    table = section("What runs where")
    rows = re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", table, re.MULTILINE)
    told = [
        (name, int(port) - 8000)
        for ports, names in rows
        for port, name in zip(ports.split(", "), re.findall(r"`([a-z-]+)`", names), strict=False)
    ]
    assert dict(told) | {"kafka-controller": OFFSETS["kafka-controller"]} == dict(OFFSETS)


@pytest.mark.parametrize("target", sorted(set(links())))
def test_file_that_the_readme_points_to_is_there(target: str) -> None:
    assert (ROOT / target).is_file()


def test_commands_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"\bfoothold ([a-z]+)", (ROOT / "README.md").read_text()))
    commands = {
        command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands
    }
    groups = {group.name for group in app.registered_groups}
    assert named <= commands | groups
