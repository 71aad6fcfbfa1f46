"""`make chaos-selftest`: each mistake is planted in turn and has to be caught, and a clean run has to be clean."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.stack import ROOT
from tests.chaos.command import conduct, say, silent
from tests.chaos.plan import KINDS
from tests.chaos.run import Asked
from tests.chaos.sabotage import MISTAKES
from tests.chaos.verdict import Verdict
from tests.chaos.zygote import Zygote

_CLEAN = 8


def main() -> None:
    """Runs them one after the other and prints who caught what; ends with 1 where one slipped through."""
    seed = _seed()
    place = ROOT / ".local" / "chaos" / f"selftest-{seed}-{time.strftime('%H%M%S')}"
    zygote = Zygote()
    try:
        verdicts = asyncio.run(_all(zygote, seed, place))
    finally:
        zygote.close()
    Console().print(_table(verdicts))
    sys.exit(0 if all(_as_meant(name, verdict) for name, verdict in verdicts.items()) else 1)


async def _all(zygote: Zygote, seed: int, place: Path) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for name in ("clean", *MISTAKES):
        mistake = MISTAKES.get(name)
        asked = Asked(
            kills=mistake.kills if mistake else _CLEAN,
            seed=seed,
            results=place / name,
            mistake=name if mistake else None,
            weights=mistake.weights if mistake else KINDS,
        )
        verdicts[name] = await conduct(zygote, asked, silent)
        first = verdicts[name].findings[:1]
        say(f"{name}: {first[0] if first else 'nothing found'}")
    return verdicts


def _as_meant(name: str, verdict: Verdict) -> bool:
    return verdict.clean == (name not in MISTAKES)


def _table(verdicts: dict[str, Verdict]) -> Table:
    table = Table("planted", "caught by", "findings", box=None)
    for name, verdict in verdicts.items():
        caught = ", ".join(verdict.checkers) or ("as it should be" if name == "clean" else "NOBODY")
        table.add_row(name, caught, str(len(verdict.findings)))
    return table


def _seed() -> int:
    parser = argparse.ArgumentParser(prog="make chaos-selftest")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides which, when and to whom")
    return parser.parse_args().seed


if __name__ == "__main__":
    main()
