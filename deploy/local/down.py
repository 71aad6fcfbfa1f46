"""`foothold down`: ask the supervisor to end, or do its work where it was killed."""

import asyncio
import os
import signal
import time
from contextlib import suppress

from rich.console import Console

from deploy.local.leftovers import end_leftovers
from deploy.local.problems import StackProblem
from deploy.local.stack import Stack
from deploy.local.steps import Steps

_PATIENCE = 90.0


def end(stack: Stack, console: Console) -> None:
    """End whatever runs of the stack and wait until it is gone; says so when nothing ran."""
    record = stack.home.read()
    if record is None:
        console.print(f"Nothing runs in {stack.home.directory}.", highlight=False)
        return
    steps = Steps(console)
    with steps.shown(), steps.step("Ending"):
        if record.supervisor.alive():
            _ask_supervisor(record.supervisor.pid, stack)
        else:
            with stack.home.hold():
                asyncio.run(end_leftovers(stack.home))


def _ask_supervisor(pid: int, stack: Stack) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while stack.home.running():
        if time.monotonic() > deadline:
            raise StackProblem(
                f"The supervisor {pid} has not ended after {_PATIENCE:.0f} s; `kill -9 {pid}` ends it."
            )
        time.sleep(0.1)
