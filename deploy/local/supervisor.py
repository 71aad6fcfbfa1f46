"""Starts processes, waits until they are ready, starts them again when they crash, ends them in order.

It knows nothing of what they are. One event loop in the main thread does it all: children are told of their
parent's death through the thread that started them, so no other thread may.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from deploy.local import launch
from deploy.local.home import Home, Phase, Record, RunningChild
from deploy.local.identity import Identity, identify, myself
from deploy.local.launch import Program
from deploy.local.problems import StackProblem

LOG_BYTES = 10_000_000
_LOOK_EVERY = 0.15
_TRIM_EVERY = 5.0
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_PAUSE = 30.0
_STEADY_AFTER = 60.0


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A program to keep running. `patience` (seconds) is how long it may take until `ready()`.

    Charges end highest `stage` first, and within a stage all at once.
    """

    program: Program
    ready: Callable[[], Awaitable[bool]]
    stage: int
    patience: float = 60.0


@dataclass
class _Kept:
    charge: Charge
    child: subprocess.Popen[bytes]
    identity: Identity
    started: float
    ready: bool = False
    restarts: int = 0
    pause: float = 0.5
    restart_at: float | None = None


class Supervisor:
    """Keeps the charges of one home running until it is asked to end."""

    def __init__(self, home: Home, base_port: int, tell: Callable[[str], None]) -> None:
        self._home = home
        self._base_port = base_port
        self._tell = tell
        self._kept: dict[str, _Kept] = {}
        self._errands: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}
        self._phase: Phase = "starting"
        self.addresses: dict[str, str] = {}
        self.ending = asyncio.Event()

    async def conduct(self, work: Coroutine[None, None, None]) -> None:
        """Do `work` until it fails or a signal asks for an end; then end everything, and only then return.

        Raises what `work` raised. To be called once, from the main thread's event loop.
        """
        for number in _ENDING_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.ask_to_end)
        try:
            await self._unless_ending(work)
        finally:
            await self.end()

    def ask_to_end(self) -> None:
        """What a signal does: the first asks for an orderly end, a second insists."""
        if self.ending.is_set():
            self._kill_everything()
        self.ending.set()

    async def start(self, *charges: Charge) -> None:
        """Start `charges` at once and wait until all are ready.

        Raises a StackProblem with the end of its log for the first that ends before, or is not ready in time.
        """
        for charge in charges:
            self._kept[charge.program.name] = self._spawn(charge)
        self._record()
        await asyncio.gather(*(self._until_ready(self._kept[charge.program.name]) for charge in charges))

    async def run(self, program: Program, *, visible: bool = False) -> int:
        """Run `program` to its end and return its exit code; `visible` lets it write to our own output."""
        child = launch.start(program, None) if visible else self._start_logged(program)
        self._errands[program.name] = (program, child)
        self._record()
        try:
            return await _exit_of(child)
        finally:
            # An errand that is interrupted is ended with the rest, in `end`.
            if child.poll() is not None:
                del self._errands[program.name]
                self._record()

    def serving(self) -> None:
        """Record that everything is up."""
        self._phase = "serving"
        self._record()

    async def watch(self) -> None:
        """Start again what crashes, and keep the logs bounded, until asked to end."""
        trimmed = time.monotonic()
        while not self.ending.is_set():
            for kept in self._kept.values():
                self._look_after(kept)
            if time.monotonic() - trimmed > _TRIM_EVERY:
                trimmed = time.monotonic()
                trim_logs(self._home.logs.glob("*.log"))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), _LOOK_EVERY)

    async def end(self) -> None:
        """End everything, clients before servers, and leave no process and no record."""
        self.ending.set()
        self._phase = "stopping"
        self._record()
        if self._kept or self._errands:
            self._tell("Ending what runs; Ctrl-C again kills it.")
        await asyncio.gather(*(_end(program, child) for program, child in self._errands.values()))
        stages = sorted(self._kept.values(), key=lambda kept: -kept.charge.stage)
        for _, members in groupby(stages, key=lambda kept: kept.charge.stage):
            await asyncio.gather(*(_end(kept.charge.program, kept.child) for kept in members))
        self._home.forget()

    async def _until_ready(self, kept: _Kept) -> None:
        charge = kept.charge
        deadline = kept.started + charge.patience
        while not await charge.ready():
            if kept.child.poll() is not None:
                raise StackProblem(self._why(charge.program, f"ended with code {kept.child.returncode}"))
            if time.monotonic() > deadline:
                raise StackProblem(self._why(charge.program, f"was not ready after {charge.patience:.0f} s"))
            await asyncio.sleep(_LOOK_EVERY)
        kept.ready = True

    async def _unless_ending(self, work: Coroutine[None, None, None]) -> None:
        working = asyncio.create_task(work)
        ending = asyncio.create_task(self.ending.wait())
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not working.done():
            working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    def _look_after(self, kept: _Kept) -> None:
        """One look at a child: notice that it crashed, or start it again when its pause is over."""
        if not kept.ready or kept.child.poll() is None:
            return
        now = time.monotonic()
        if kept.restart_at is None:
            kept.pause = 0.5 if now - kept.started > _STEADY_AFTER else min(kept.pause * 2, _LONGEST_PAUSE)
            kept.restart_at = now + kept.pause
            launch.kill_group(kept.child.pid)
            self._tell(
                f"{kept.charge.program.name} ended with code {kept.child.returncode};"
                f" it starts again in {kept.pause:.0f} s (see `foothold logs {kept.charge.program.name}`)."
            )
        elif now >= kept.restart_at:
            self._respawn(kept)

    def _respawn(self, kept: _Kept) -> None:
        fresh = self._spawn(kept.charge)
        kept.child, kept.identity, kept.started = fresh.child, fresh.identity, fresh.started
        kept.restart_at = None
        kept.restarts += 1
        self._record()

    def _spawn(self, charge: Charge) -> _Kept:
        child = self._start_logged(charge.program)
        return _Kept(charge, child, _identity_of(child), time.monotonic())

    def _start_logged(self, program: Program) -> subprocess.Popen[bytes]:
        with self._home.log(program.name).open("ab") as output:
            return launch.start(program, output)

    def _record(self) -> None:
        kept = [
            RunningChild(name, kept.identity, kept.charge.program.port, kept.restarts)
            for name, kept in self._kept.items()
        ]
        errands = [
            RunningChild(name, _identity_of(child), program.port, 0)
            for name, (program, child) in self._errands.items()
        ]
        children = (*kept, *errands)
        record = Record(myself(), self._phase, self._base_port, self.addresses, children)
        try:
            self._home.write(record)
        except OSError as error:  # A full disk must not keep us from ending what runs.
            self._tell(f"{self._home.directory} could not be written to: {error.strerror}.")

    def _why(self, program: Program, what: str) -> str:
        log = self._home.log(program.name)
        return f"{program.name} {what}; its log {log} ends: {last_words(log)}"

    def _kill_everything(self) -> None:
        children = [kept.child for kept in self._kept.values()]
        children += [child for _, child in self._errands.values()]
        for child in children:
            if child.returncode is None:
                launch.kill_group(child.pid)


def trim_logs(logs: Iterable[Path], limit: int = LOG_BYTES) -> None:
    """Move what exceeds `limit` bytes aside, keeping one older part; writers append and notice nothing."""
    for log in logs:
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def last_words(log: Path, count: int = 1) -> str:
    """The last `count` lines of a log that say something."""
    lines = [line for line in _tail(log).splitlines() if line.strip()]
    return "\n".join(lines[-count:]) or "(nothing)"


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as content:
            content.seek(max(0, log.stat().st_size - 64_000))
            return content.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _identity_of(child: subprocess.Popen[bytes]) -> Identity:
    # A child that ended at once is no one any more; its id alone, with no start time, matches nobody.
    return identify(child.pid) or Identity(child.pid, "")


async def _exit_of(child: subprocess.Popen[bytes]) -> int:
    while child.poll() is None:  # noqa: ASYNC110 - a process is no event of this loop
        await asyncio.sleep(0.05)
    return child.returncode


async def _end(program: Program, child: subprocess.Popen[bytes]) -> None:
    if child.returncode is not None:
        return  # Seen ended before: its id may be somebody else's by now.
    if child.poll() is None:
        child.send_signal(program.stop_signal)
        with suppress(TimeoutError):
            await asyncio.wait_for(_exit_of(child), program.grace)
    launch.kill_group(child.pid)
    await _exit_of(child)
