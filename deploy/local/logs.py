"""`foothold logs`: what the processes wrote."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.home import Home
from deploy.local.problems import StackProblem
from deploy.local.supervisor import last_words


def show(home: Home, process: str | None, *, lines: int, follow: bool) -> None:
    """Print the last `lines` of one process's log, or of each; `follow` goes on until Ctrl-C."""
    chosen = _chosen(home, process)
    for log in chosen:
        if process is None:
            sys.stdout.write(f"==> {log.stem} <==\n")
        sys.stdout.write(last_words(log, lines) + "\n")
    if follow:
        _follow(chosen)


def _chosen(home: Home, process: str | None) -> list[Path]:
    logs = sorted(home.logs.glob("*.log"))
    if process is None:
        return logs
    chosen = [log for log in logs if log.stem == process]
    if not chosen:
        there = ", ".join(log.stem for log in logs) or "nothing yet"
        raise StackProblem(f"{process} has no log in {home.logs}; there is: {there}.")
    return chosen


def _follow(logs: Sequence[Path]) -> None:
    places = {log: log.stat().st_size for log in logs}
    while True:
        for log, place in places.items():
            size = log.stat().st_size
            if size != place:
                _print_from(log, place if size > place else 0, named=len(logs) > 1)
                places[log] = size
        sys.stdout.flush()
        time.sleep(0.3)


def _print_from(log: Path, place: int, *, named: bool) -> None:
    with log.open("rb") as content:
        content.seek(place)
        for line in content.read().decode(errors="replace").splitlines():
            sys.stdout.write(f"{log.stem}: {line}\n" if named else f"{line}\n")
