"""Whatever way a supervisor ends, nothing of its stack is left running, and strangers are left alone."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.home import Home, Record, RunningChild
from deploy.local.identity import Identity, identify, myself
from deploy.local.launch import free_ports, listens
from deploy.local.leftovers import end_leftovers
from deploy.local.problems import StackProblem
from deploy.local.supervisor import Supervisor, trim_logs
from tests.deploy.standing import charge

ROOT = Path(__file__).parents[2]


class Standing:
    """A supervisor with two stand-ins, as a process that leads a group of its own."""

    def __init__(self, directory: Path, *, stubborn: bool = False) -> None:
        self.home = Home(directory)
        self.ports = free_ports(2)
        self._stubborn = stubborn
        self.started: list[Identity] = []

    def start(self) -> "subprocess.Popen[str]":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.standing", str(self.home.directory), *map(str, self.ports)],
            cwd=ROOT,
            env={**os.environ, **({"STUBBORN": "1"} if self._stubborn else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        eventually(lambda: self.process.poll() is not None or self.serves())
        assert self.process.poll() is None, self.said()
        self.started += [*self.children(), self.grandchild()]
        return self.process

    def serves(self) -> bool:
        record = self.home.running()
        return record is not None and record.supervisor.pid == self.process.pid and record.phase == "serving"

    def record(self) -> Record:
        found = self.home.read()
        assert found is not None
        return found

    def children(self) -> list[Identity]:
        return [child.identity for child in self.record().children]

    def grandchild(self) -> Identity:
        said = self.home.log("first").read_text()
        found = identify(int(re.findall(r"grandchild (\d+)", said)[-1]))
        assert found is not None
        return found

    def said(self) -> str:
        out, _ = self.process.communicate(timeout=20)
        return out

    def alive(self) -> list[Identity]:
        return [identity for identity in self.started if identity.alive()]


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Callable[..., Standing]]:
    made: list[Standing] = []

    def make(*, stubborn: bool = False) -> Standing:
        made.append(Standing(tmp_path / "home", stubborn=stubborn))
        return made[-1]

    yield make
    for each in made:
        each.process.kill()
        each.process.communicate()
        for identity in each.alive():
            os.kill(identity.pid, signal.SIGKILL)


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


@pytest.mark.parametrize("stubborn", [False, True])
def test_ctrl_c_to_the_whole_group_leaves_no_process(
    standing: Callable[..., Standing], stubborn: bool
) -> None:
    stack = standing(stubborn=stubborn)
    stack.start()
    os.killpg(stack.process.pid, signal.SIGINT)
    assert "Traceback" not in stack.said()
    assert stack.process.returncode == 0
    assert stack.alive() == []
    assert stack.home.read() is None


def test_sigterm_to_the_supervisor_alone_leaves_no_process(standing: Callable[..., Standing]) -> None:
    stack = standing()
    stack.start()
    stack.process.terminate()
    assert "Traceback" not in stack.said()
    assert stack.alive() == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children of the death")
def test_children_end_when_their_supervisor_is_killed(standing: Callable[..., Standing]) -> None:
    stack = standing()
    stack.start()
    children = stack.children()
    stack.process.kill()
    eventually(lambda: not any(child.alive() for child in children))


def test_start_after_a_kill_ends_what_was_left_and_serves(standing: Callable[..., Standing]) -> None:
    stack = standing(stubborn=True)
    stack.start().kill()
    stack.process.communicate()
    left = stack.alive()
    assert len(left) == 3
    stack.start()
    assert not any(identity.alive() for identity in left)
    assert all(listens(port) for port in stack.ports)


def test_second_supervisor_of_a_home_is_refused(standing: Callable[..., Standing]) -> None:
    stack = standing()
    stack.start()
    argv = [sys.executable, "-m", "tests.deploy.standing", str(stack.home.directory), "1"]
    second = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith(f"A stack runs in {stack.home.directory} already")
    assert stack.serves()


def test_crashed_child_is_started_again(standing: Callable[..., Standing]) -> None:
    stack = standing()
    stack.start()
    before = stack.children()[0]
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: [child.restarts for child in stack.record().children] == [1, 0])
    eventually(lambda: listens(stack.ports[0]))
    assert stack.children()[0] != before


async def test_stranger_with_the_id_of_a_former_child_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    home = Home(tmp_path)
    former = RunningChild("first", Identity(stranger.pid, "another start"), 0, 0)
    home.write(Record(Identity(1, "long ago"), "serving", 8000, {}, (former,)))
    assert await end_leftovers(home, grace=0.1) == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        ("not-a-port", r"kafka ended with code 1; its log .*kafka\.log ends: ValueError: .*not-a-port"),
        ("0", r"kafka was not ready after 1 s; its log .*kafka\.log ends: listening"),
    ],
)
async def test_child_that_does_not_come_up_is_told_with_the_end_of_its_log(
    tmp_path: Path, argument: str, what: str
) -> None:
    home = Home(tmp_path)
    home.prepare()
    supervisor = Supervisor(home, 8000, print)
    with pytest.raises(StackProblem, match=what):
        await supervisor.start(charge("kafka", free_ports(1)[0], listen_on=argument, patience=1.0))
    await supervisor.end()


def test_logs_are_bounded_and_keep_their_writers(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        trim_logs([log], limit=50)
        writer.write(b"later\n")
    assert log.read_text() == "later\n"
    assert log.with_suffix(".log.1").stat().st_size == 100


def test_identity_is_of_one_start_of_one_process() -> None:
    me = myself()
    assert me.alive()
    assert not Identity(me.pid, me.started + "0").alive()
    assert identify(2**22 + 1) is None
