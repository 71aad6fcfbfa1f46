"""The whole platform with its demo data, brought up once for a test run as a user would: `foothold up`.

Tests that use it carry `on_the_stack`, so that the first may take its time. Of several workers one runs them all,
and with them whatever else brings up a stack: `ON_ONE_WORKER` says where they are. It ends with the last of them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from xdist.scheduler import LoadScopeScheduling

from deploy.local import launch
from deploy.local.home import Home
from deploy.local.launch import Program
from deploy.local.stack import OFFSETS, ROOT

T = TypeVar("T")

on_the_stack = pytest.mark.timeout(600)

ON_ONE_WORKER = ("tests/system/", "tests/docs/", "tests/deploy/test_stack.py", "tests/chaos/")

_running = pytest.StashKey["RunningStack"]()

_UP_SECONDS = 400.0
_PORTS = 20


class RunningStack:
    """A stack of the test run's own, asked over HTTP and through the `foothold` command."""

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self.home = Home(directory / "home")
        self.port = free_base_port()
        self._log = directory / "up.log"
        self._client = httpx.Client(timeout=30, trust_env=False)
        self._tokens: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What makes `foothold` mean this stack."""
        ours = {"FOOTHOLD_HOME": str(self.home.directory), "FOOTHOLD_PORT": str(self.port)}
        return {**_without_settings(os.environ), **self._settings, **ours, "PYTHONWARNINGS": "ignore"}

    def up(self) -> None:
        """Start it; the kernel asks it to end should the test run die."""
        program = Program(
            name="foothold",
            argv=(sys.executable, "-m", "deploy.local.command", "up"),
            port=0,
            environment=self.environment,
            directory=ROOT,
            grace=60.0,
        )
        with self._log.open("wb") as output:
            self._child = launch.start(program, output)
        self._program = program
        assert launch.wait_until(self._child, self._serves, _UP_SECONDS), self._log.read_text()

    def down(self) -> None:
        """End it."""
        self._client.close()
        launch.stop(self._child, self._program)

    def _serves(self) -> bool:
        record = self.home.running()
        return record is not None and record.phase == "serving"

    def foothold(self, *arguments: str) -> str:
        """What the command prints; it must succeed."""
        return self.run("deploy.local.command", *arguments)

    def run(self, module: str, *arguments: str) -> str:
        """What a module of ours prints when it runs with this stack's settings; it must succeed."""
        ran = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def url(self, process: str = "gateway") -> str:
        """Where a process listens."""
        return f"http://127.0.0.1:{self.port + OFFSETS[process]}"

    def ask(self, email: str, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """The gateway's answer to somebody; writes to what is there want no version."""
        own = {"Authorization": f"Bearer {self.token(email)}", "If-Match": "*"} | headers
        return self._client.request(method, self.url() + path, json=body, headers=own)

    def get(self, email: str, path: str) -> Any:
        """What somebody gets, which must be there."""
        answer = self.ask(email, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, email: str, path: str, body: object) -> Any:
        """What somebody's POST is answered with, which must succeed."""
        return self._written(self.ask(email, "POST", path, body))

    def put(self, email: str, path: str, body: object) -> Any:
        """What somebody's PUT is answered with, which must succeed."""
        return self._written(self.ask(email, "PUT", path, body))

    def patch(self, email: str, path: str, body: object) -> Any:
        """What somebody's PATCH is answered with, which must succeed."""
        return self._written(self.ask(email, "PATCH", path, body))

    def kill(self, process: str) -> None:
        """Kill a process hard; the supervisor starts another."""
        record = self.home.running()
        assert record is not None
        (child,) = (child for child in record.children if child.name == process)
        os.kill(child.identity.pid, signal.SIGKILL)

    def _written(self, answer: httpx.Response) -> Any:
        assert answer.is_success, answer.text
        return answer.json()

    def token(self, email: str) -> str:
        """The development issuer's token of somebody."""
        if email not in self._tokens:
            form = {"grant_type": "development", "email": email}
            answer = self._client.post(f"{self.url('issuer')}/token", data=form)
            self._tokens[email] = answer.raise_for_status().json()["access_token"]
        return self._tokens[email]


class OneWorkerForStacks(LoadScopeScheduling):
    """Each file to whoever is free, for its tests share what they set up; those on a stack all to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(ON_ONE_WORKER) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerForStacks:
    """How tests are shared out. (xdist's own groups write into an item's id in a way that pytest no longer reads.)"""
    return OneWorkerForStacks(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that uses the stack and stands elsewhere would bring up a second one; those that use it come first."""
    for item in items:
        if _uses_the_stack(item) and not item.nodeid.startswith(ON_ONE_WORKER):
            raise pytest.UsageError(f"{item.nodeid} uses the stack; such tests stand in {ON_ONE_WORKER}.")
    items.sort(key=lambda item: not _uses_the_stack(item))


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The platform with its demo data, the same one for every test of the run."""
    running = request.config.stash[_running] = RunningStack(tmp_path_factory.mktemp("stack"))
    try:
        running.up()
        yield running
    finally:
        running.down()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The last test that uses the stack ends it: a stack at rest takes a seventh of a core from those that follow."""
    running = item.config.stash.get(_running, None)
    if running and not (nextitem and _uses_the_stack(nextitem)):
        running.down()


def _uses_the_stack(item: pytest.Item) -> bool:
    return "stack" in getattr(item, "fixturenames", ())


def eventually(told: Callable[[], T], seconds: float = 20.0) -> T:
    """What `told` says once it says something true; for what an event has to bring about."""
    deadline = time.monotonic() + seconds
    while not (found := told()):
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.1)
    return found


def free_base_port() -> int:
    """A port that is free with the ones after it that a stack takes."""
    start = 10_000 + (os.getpid() * 131 + time.monotonic_ns()) % 20_000
    bases = count(start, _PORTS)
    return next(base for base in bases if all(launch.bindable(base + offset) for offset in range(_PORTS)))


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Our environment without settings that would lead a stack to servers that are not its own."""
    foreign = ("_DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "OIDC_ISSUER", "FOOTHOLD_")
    return {name: value for name, value in environment.items() if not any(part in name for part in foreign)}
