"""The real stack, as `foothold` runs it: up, asked, killed, up again, down."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.home import Home
from deploy.local.identity import Identity
from deploy.local.launch import kill_group
from tests.stack import free_base_port, on_the_stack

ROOT = Path(__file__).parents[2]
pytestmark = on_the_stack


class RunningStack:
    """A stack of this test's own, driven through the command."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(directory)
        self.port = free_base_port()
        self.seen: set[Identity] = set()

    def foothold(self, *arguments: str) -> str:
        own = {"FOOTHOLD_HOME": str(self.home.directory), "FOOTHOLD_PORT": str(self.port)}
        ran = subprocess.run(
            [sys.executable, "-m", "deploy.local.command", *arguments],
            cwd=ROOT,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def up(self) -> str:
        said = self.foothold("up", "--empty", "--detach")
        record = self.home.running()
        assert record is not None
        self.seen |= {record.supervisor, *(child.identity for child in record.children)}
        return said

    def status(self) -> dict[str, Any]:
        return json.loads(self.foothold("status", "--json"))

    def alive(self) -> set[Identity]:
        return {identity for identity in self.seen if identity.alive()}

    def get(self, path: str, email: str) -> httpx.Response:
        token = self.foothold("token", email).strip()
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    # Not under pytest's own directory, whose modes keep PostgreSQL's user out.
    directory = Path(f"/tmp/foothold-stack-{os.getpid()}")  # noqa: S108
    running = RunningStack(directory)
    yield running
    running.foothold("reset", "--yes")
    for identity in running.alive():
        kill_group(identity.pid)


def test_stack_serves_survives_a_kill_and_leaves_nothing(stack: RunningStack) -> None:
    said = stack.up()
    assert "Foothold is up" in said
    assert_everything_is_ready(stack)
    assert stack.get("/v1/me", "admin@example.com").status_code == 200

    supervisor = stack.status()["supervisor_pid"]
    os.kill(supervisor, 9)
    again = stack.up()
    assert "Ending what a killed stack left" in again
    assert "Migrations" in said
    assert "Migrations" not in again
    assert_everything_is_ready(stack)

    stack.foothold("down")
    assert stack.alive() == set()
    assert stack.home.read() is None


def assert_everything_is_ready(stack: RunningStack) -> None:
    status = stack.status()
    health = {process["name"]: process["health"] for process in status["processes"]}
    assert set(health.values()) == {"ready"}, health
    assert status["phase"] == "serving"
    assert status["kafka_bootstrap_servers"] == f"127.0.0.1:{stack.port + 9}"
    eventually_settled(stack)


def eventually_settled(stack: RunningStack, seconds: float = 20.0) -> None:
    """Every service numbered, published and consumed all that there is."""
    deadline = time.monotonic() + seconds
    while not all(map(settled, (events := stack.status()["events"]).values())):
        assert time.monotonic() < deadline, events
        time.sleep(0.2)


def settled(told: dict[str, Any]) -> bool:
    """Whether nothing waits, nothing was set aside, and somebody publishes."""
    counts = (
        "unnumbered",
        "unpublished",
        "oldest_seconds",
        "parked",
        "parked_records",
        "discarded",
        "dead_letters",
    )
    lag: dict[str, int] = told["lag"]
    return not any(told[name] for name in counts) and set(lag.values()) == {0} and told["relay_leads"]
