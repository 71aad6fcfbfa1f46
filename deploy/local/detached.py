"""`foothold up --detach`: the same stack in a session of its own, watched until it serves."""

import subprocess
import sys
import time

from rich.console import Console

from deploy.local.problems import StackProblem
from deploy.local.stack import ROOT, Stack

_LOG = "supervisor"


def start_detached(stack: Stack, console: Console, *, demo: bool) -> None:
    """Start the stack in the background and return when it serves, having shown what it said meanwhile.

    Raises a StackProblem when it ends before; what it said is on the console by then.
    """
    stack.home.prepare()
    stack.home.hold().close()
    log = stack.home.log(_LOG)
    arguments = ["up"] if demo else ["up", "--empty"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.command", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**stack.environment, "COLUMNS": str(console.width)},
            start_new_session=True,
        )
    _show_until_serving(stack, console, child)


def _show_until_serving(stack: Stack, console: Console, child: subprocess.Popen[bytes]) -> None:
    with stack.home.log(_LOG).open() as said:
        while True:
            running = stack.home.running()
            serving = (
                running is not None and running.supervisor.pid == child.pid and running.phase == "serving"
            )
            ended = child.poll() is not None
            if serving:
                time.sleep(1)  # For the last screen, which is written after the record.
            console.out(said.read(), end="", highlight=False)
            if serving:
                return
            if ended:
                raise StackProblem(f"The stack did not come up; {stack.home.log(_LOG)} has all it said.")
            time.sleep(0.2)
