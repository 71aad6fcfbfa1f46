"""What a reader is told when the stack cannot stand: one sentence that says what to do, and never a trace."""

import errno
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jgo.maven import MavenContext
from typer.testing import CliRunner

from deploy.local.command import app
from deploy.local.home import refuse_full_disk
from deploy.local.jars import LockedJar, collect
from deploy.local.launch import free_ports
from deploy.local.postgres import require_version
from deploy.local.problems import StackProblem, one_sentence
from tests.stack import free_base_port

ROOT = Path(__file__).parents[2]


def foothold(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.command", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def asked(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The same in this process, for commands that start nothing: a process of its own takes a second or two."""
    ran = CliRunner().invoke(app, arguments, env=environment)
    return subprocess.CompletedProcess(arguments, ran.exit_code, ran.stdout, ran.stderr)


def assert_one_sentence(ran: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    said = ran.stdout + ran.stderr
    assert ran.returncode == 1, said
    assert "Traceback" not in said
    for part in parts:
        assert part in said


def test_busy_port_is_named_with_what_to_set(tmp_path: Path) -> None:
    base = free_base_port()
    with socket.create_server(("127.0.0.1", base + 4)):
        ran = foothold("up", FOOTHOLD_HOME=str(tmp_path), FOOTHOLD_PORT=str(base))
    assert_one_sentence(ran, f"Port {base + 4}, which issuer needs", f"FOOTHOLD_PORT={base + 100}")


def test_unwritable_home_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    assert_one_sentence(foothold("up", FOOTHOLD_HOME=str(home)), f"{home} cannot be written to")


@pytest.mark.parametrize("port", ["here", "80", "65530"])
def test_impossible_port_is_refused_by_name(tmp_path: Path, port: str) -> None:
    ran = asked("status", FOOTHOLD_HOME=str(tmp_path), FOOTHOLD_PORT=port)
    assert_one_sentence(ran, f"FOOTHOLD_PORT={port}: give a number from 1024 to 65516.")


def test_production_is_no_place_for_the_laptop_stack(tmp_path: Path) -> None:
    base = free_base_port()
    ran = foothold(
        "up", FOOTHOLD_HOME=str(tmp_path), FOOTHOLD_PORT=str(base), FOOTHOLD_ENVIRONMENT="production"
    )
    assert_one_sentence(ran, "FOOTHOLD_ENVIRONMENT=production")


def test_full_disk_is_told_before_and_after() -> None:
    with pytest.raises(StackProblem, match=r"The disk of /somewhere has 120 MB left .* make room"):
        refuse_full_disk(Path("/somewhere"), 120_000_000)
    full = OSError(errno.ENOSPC, "No space left on device", "/somewhere/state.json")
    assert one_sentence(full).startswith("The disk is full (/somewhere/state.json); make room")


def test_database_too_old_is_refused_by_name(tmp_path: Path) -> None:
    base = free_base_port()
    with _server_of_version("16.3") as url:
        ran = foothold(
            "up", FOOTHOLD_HOME=str(tmp_path), FOOTHOLD_PORT=str(base), OPPORTUNITIES_DATABASE_URL=url
        )
    assert_one_sentence(ran, "OPPORTUNITIES_DATABASE_URL: that server is PostgreSQL 16.3", "18 or later")


def test_database_new_enough_is_taken(postgres: str) -> None:
    require_version(postgres, "CONTACTS_DATABASE_URL")


def test_database_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    base, (nobody,) = free_base_port(), free_ports(1)
    url = f"postgresql://someone@127.0.0.1:{nobody}/contacts"
    ran = foothold("up", FOOTHOLD_HOME=str(tmp_path), FOOTHOLD_PORT=str(base), CONTACTS_DATABASE_URL=url)
    assert_one_sentence(ran, "CONTACTS_DATABASE_URL: no PostgreSQL answers there", "Connection refused")


def test_commands_that_need_a_stack_say_that_none_runs(tmp_path: Path) -> None:
    base = free_base_port()
    here = {"FOOTHOLD_HOME": str(tmp_path), "FOOTHOLD_PORT": str(base)}
    assert asked("status", **here).returncode == 3
    assert_one_sentence(asked("token", "admin@example.com", **here), "No issuer answers at")
    assert_one_sentence(asked("events", "tail", "contacts.events", **here), "No stack runs in")
    assert_one_sentence(asked("logs", "gateway", **here), "gateway has no log")
    assert_one_sentence(asked("import", str(tmp_path), "--profile", "other", **here), "maven-crm")
    assert "Nothing runs" in asked("down", **here).stdout


def test_python_too_old_is_told_by_make(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c \'import sys; sys.version_info = (3, 9, 2);'
        ' exec(sys.argv[1])\' "$2"\nexit 1\n'
    )
    old.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for lock in ("requirements-installer.txt", "requirements.txt", "pyproject.toml"):
        (tmp_path / lock).touch()
    ran = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    assert "Foothold needs Python 3.11 or later" in ran.stderr
    assert "is 3.9." in ran.stderr
    assert not (tmp_path / ".venv").exists()


def test_jar_with_other_bytes_than_the_lock_says_is_not_used(tmp_path: Path) -> None:
    repository, into = tmp_path / "repository", tmp_path / "jars"
    there = repository / "org" / "example" / "thing" / "1.0"
    there.mkdir(parents=True)
    into.mkdir()
    (there / "thing-1.0.jar").write_bytes(b"planted")
    wanted = LockedJar("org.example:thing:1.0", "0" * 64)
    with pytest.raises(StackProblem, match=r"org\.example:thing:1\.0: its checksum is not the one"):
        list(collect([wanted], MavenContext(repo_cache=repository, offline=True), into))
    assert list(into.iterdir()) == []


@contextmanager
def _server_of_version(version: str) -> Generator[str]:
    """Something that shakes hands like a PostgreSQL of `version`, asks for no password, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_shake_hands, args=(server, version), daemon=True)
        thread.start()
        yield f"postgresql://someone@127.0.0.1:{server.getsockname()[1]}/db?sslmode=disable&gssencmode=disable"
        thread.join(10)


def _shake_hands(server: socket.socket, version: str) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        said = f"server_version\0{version}\0".encode()
        connection.sendall(b"R" + struct.pack("!ii", 8, 0))
        connection.sendall(b"S" + struct.pack("!i", 4 + len(said)) + said)
        connection.sendall(b"Z" + struct.pack("!i", 5) + b"I")
        connection.recv(1024)
