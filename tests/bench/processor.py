"""Processor time by part of a stack: what a request costs, where a rate says how fast it is on this machine now."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from deploy.local.home import Home

PARTS: Final[tuple[str, ...]] = ("gateway", "services", "database", "workers", "broker")
_PART_OF: Final[Mapping[str, str]] = {"gateway": "gateway", "postgres": "database", "kafka": "broker"}
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def spent(home: Home) -> Mapping[str, float]:
    """Seconds of processor time that each part of the stack has taken so far, its ended processes included."""
    record = home.running()
    assert record is not None, "no stack runs there"
    own, parents = _all_processes()
    roots = {child.identity.pid: _part_of(child.name) for child in record.children}
    seconds: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    for pid in own:
        root = pid
        while root not in roots and root in parents:
            root = parents[root]
        if part := roots.get(root):
            seconds[part] += own[pid]
    return seconds


def _part_of(name: str) -> str | None:
    if name.endswith("-api"):
        return "services"
    return "workers" if "worker" in name else _PART_OF.get(name)


def seconds_and_parent(pid: int) -> tuple[float, int]:
    """The process's seconds, those of children that it has seen end included, and its parent. Raises OSError."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS, int(fields[1])


def _all_processes() -> tuple[Mapping[int, float], Mapping[int, int]]:
    """The seconds of every process, and its parent."""
    seconds: dict[int, float] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        with suppress(OSError):
            seconds[pid], parents[pid] = seconds_and_parent(pid)
    return seconds, parents
