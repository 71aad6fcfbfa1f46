"""PostgreSQL and Kafka as programs that are killed and started again on what they left."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.local import launch
from deploy.local.launch import Program


class Server:
    """One server. Start it from the main thread: it is told of that thread's end."""

    def __init__(
        self, name: str, program: Callable[[], Program], answers: Callable[[], bool], log: Path
    ) -> None:
        self.name = name
        self._program, self._answers, self._log = program, answers, log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process, which leads a group."""
        assert self._child is not None, "wants to be started first"
        return self._child.pid

    async def start(self, seconds: float = 180.0) -> None:
        """Starts it and waits until it serves. Raises RuntimeError with its last words when it does not."""
        with self._log.open("ab") as output:
            self._child = launch.start(self._program(), output)
        serving = await asyncio.to_thread(launch.wait_until, self._child, self._answers, seconds)
        if not serving:
            raise RuntimeError(f"{self.name} did not come up:\n{self._log.read_text()[-4000:]}")

    def kill(self) -> None:
        """Kills it hard, with its group; does nothing where it does not run."""
        if self._child is not None:
            launch.kill_group(self._child.pid)
            self._child.wait()
            self._child = None

    def close(self) -> None:
        """Ends it as it likes to be ended, so that it leaves nothing behind in the system."""
        if self._child is not None:
            launch.stop(self._child, self._program())
            self._child = None


def kill_with_children(kill: Callable[[], None], pid: int) -> None:
    """Kills the process `pid` by `kill`, and at the same moment its children, which lead groups of their own."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)  # So that it has no further ones meanwhile.
    for child in _children(pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    kill()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with suppress(OSError):
                # The second field is the program's name in parentheses and may hold anything.
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(place.name))
    return found
