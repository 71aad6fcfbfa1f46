"""Who a process is: its id and the moment it started, so that a reused id is never taken for one of ours."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A process; `started` is text that only compares equal for the same start of the same boot."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether this very process still runs; an ended one that nobody has waited for does not."""
        return identify(self.pid) == self


def identify(pid: int) -> Identity | None:
    """The identity of the process with this id; None where none runs."""
    started = _from_proc(pid) if Path("/proc/self/stat").exists() else _from_ps(pid)
    return Identity(pid, started) if started else None


def myself() -> Identity:
    """The identity of this process."""
    found = identify(os.getpid())
    if found is None:
        raise RuntimeError("this system does not show its processes")
    return found


def _from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may hold anything; what follows is plain.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    return f"{_boot()}/{fields[19]}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _from_ps(pid: int) -> str | None:
    found = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    stat, _, started = found.stdout.strip().partition(" ")
    return None if not started or stat.startswith("Z") else started.strip()
