"""`make chaos`: runs once and says what came of it; ends with 0 when nothing is lost, doubled or out of order."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from deploy.local.stack import ROOT
from tests.chaos.command import conduct, say, show
from tests.chaos.plan import KINDS
from tests.chaos.run import Asked
from tests.chaos.sabotage import MISTAKES
from tests.chaos.zygote import Zygote


def main() -> None:
    """Parses the arguments and runs."""
    asked = _asked()
    zygote = Zygote()
    try:
        verdict = asyncio.run(conduct(zygote, asked, say))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("Ended before there was a verdict.")
    finally:
        zygote.close()
    show(verdict, asked)
    sys.exit(0 if verdict.clean else 1)


def _asked() -> Asked:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--kills", type=int, default=25, help="how many faults")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides which, when and to whom")
    parser.add_argument("--sabotage", choices=list(MISTAKES), help="a mistake to plant")
    parser.add_argument("--results", type=Path, help="where histories, logs and the verdict go")
    given = parser.parse_args()
    place = f"{given.seed}-{given.sabotage or 'clean'}-{time.strftime('%H%M%S')}"
    results = given.results or ROOT / ".local" / "chaos" / place
    weights = MISTAKES[given.sabotage].weights if given.sabotage else KINDS
    return Asked(given.kills, given.seed, results, given.sabotage, weights)


if __name__ == "__main__":
    main()
