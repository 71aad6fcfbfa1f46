"""One operating-system process of the stack: what it is, how it starts, how it ends.

Every process leads a process group of its own, so that the terminal's Ctrl-C reaches the supervisor alone
and the supervisor ends the others in order. Where the kernel can (Linux), a process is also told when its
parent dies, so that even a supervisor killed hard leaves nothing running.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deploy.local.account import Account

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run. `port` is where it listens on the loopback; `grace` is in seconds."""

    name: str
    argv: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0


def start(program: Program, output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start `program`, with both its outputs appended to `output`, or where ours go (None).

    The parent-death signal is tied to the calling thread: call it from one that lives as long as the program
    is to live.
    """
    account = program.account
    return subprocess.Popen(
        program.argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        env=dict(program.environment),
        cwd=program.directory,
        process_group=0,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=() if account else None,
        preexec_fn=leash(program.stop_signal),  # noqa: PLW1509 - one system call, no Python locks taken
    )


def stop(child: subprocess.Popen[bytes], program: Program) -> None:
    """Ask `child` to end, wait for `program.grace` seconds, then insist; its whole group goes with it."""
    if child.returncode is not None:
        return  # Seen ended before: its id may be somebody else's by now.
    if child.poll() is None:
        child.send_signal(program.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            child.wait(program.grace)
    kill_group(child.pid)
    child.wait()


def kill_group(pid: int) -> None:
    """Kill whatever is left of the process group that `pid` leads or led."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def wait_until(child: subprocess.Popen[bytes], ready: Callable[[], bool], seconds: float) -> bool:
    """Wait until `ready()`; False when `child` ended or the time was up."""
    deadline = time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(0.05)
    return False


def listens(port: int) -> bool:
    """Whether something accepts connections on loopback `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_ports(count: int) -> list[int]:
    """`count` loopback ports that nobody uses now, below the range the kernel hands to clients."""
    found: list[int] = []
    candidate = 10_000 + (os.getpid() * 131 + time.monotonic_ns()) % 20_000
    while len(found) < count:
        candidate = candidate + 1 if candidate < 32_000 else 10_000
        if bindable(candidate):
            found.append(candidate)
    return found


def bindable(port: int) -> bool:
    """Whether we could listen on loopback `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def leash(stop_signal: signal.Signals) -> Callable[[], object] | None:
    """What a child calls so as to be sent the signal when its parent dies; None where the kernel cannot."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
