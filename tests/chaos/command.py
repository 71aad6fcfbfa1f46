"""What the commands share: a run that ends in order on Ctrl-C, and what is printed of it."""

import asyncio
import signal
import sys

from services.kit.logs import configure_logging
from tests.chaos.run import Asked, Run, Say
from tests.chaos.verdict import Verdict
from tests.chaos.zygote import Zygote

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def conduct(zygote: Zygote, asked: Asked, tell: Say) -> Verdict:
    """One run; a signal ends it with all that belongs to it."""
    configure_logging("critical", process="chaos")
    task = asyncio.current_task()
    assert task is not None
    for number in _ENDING:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await Run(zygote, asked, tell).conduct()


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def silent(_: str) -> None:
    """Prints nothing."""


def show(verdict: Verdict, asked: Asked) -> None:
    """Prints the story of the first offender, if there is one, and the verdict."""
    for line in verdict.story:
        say(line)
    for note in verdict.notes:
        say(f"Worth a look: {note}.")
    counted = ", ".join(f"{count:,} {what}" for what, count in verdict.counts.items())
    if verdict.clean:
        said = "nothing lost, nothing doubled, order kept"
    else:
        said = f"{len(verdict.findings)} findings by {', '.join(verdict.checkers)}"
    say(f"Verdict of seed {asked.seed}: {said}. {counted}. Histories: {asked.results}")
