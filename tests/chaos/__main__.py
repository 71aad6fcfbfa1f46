"""`make chaos`: runs once and says what came of it; ends with 0 when nothing is lost, doubled or out of order."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from deploy.local.stack import ROOT
from tests.chaos.plan import KINDS
from tests.chaos.run import Asked, Run, Verdict
from tests.chaos.sabotage import MISTAKES
from tests.chaos.zygote import Zygote


def main() -> None:
    """Parses the arguments and runs."""
    asked = _asked()
    zygote = Zygote()
    try:
        verdict = asyncio.run(_conduct(zygote, asked))
    finally:
        zygote.close()
    show(verdict, asked)
    sys.exit(0 if verdict.clean else 1)


def show(verdict: Verdict, asked: Asked) -> None:
    """Prints the story of the first offender, if there is one, and the verdict."""
    for line in verdict.story:
        say(line)
    for note in verdict.notes:
        say(f"Worth a look: {note}.")
    counted = ", ".join(f"{count} {what}" for what, count in verdict.counts.items())
    found = (
        "nothing lost, nothing doubled, order kept" if verdict.clean else f"{len(verdict.findings)} findings"
    )
    say(f"Verdict of seed {asked.seed}: {found}. {counted}. Histories: {asked.results}")


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _conduct(zygote: Zygote, asked: Asked) -> Verdict:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await Run(zygote, asked, say).conduct()


def _asked() -> Asked:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--kills", type=int, default=25, help="how many faults")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides which, when and to whom")
    parser.add_argument("--sabotage", choices=list(MISTAKES), help="a mistake to plant")
    parser.add_argument("--results", type=Path, default=None, help="where histories, logs and the verdict go")
    given = parser.parse_args()
    place = f"{given.seed}-{given.sabotage or 'clean'}-{time.strftime('%H%M%S')}"
    results = given.results or ROOT / ".local" / "chaos" / place
    weights = MISTAKES[given.sabotage].weights if given.sabotage else KINDS
    return Asked(given.kills, given.seed, results, given.sabotage, weights)


if __name__ == "__main__":
    main()
