"""Whether one version is slower than another: both run at once, and are asked in turns of a second.

`python -m tests.bench.beside --other ../older` compares this checkout with another one, which has a `.venv` of its own.
Rates on their own say little, for machines are noisy; a ratio of two turns, one after the other, says more, and the
median of many more still.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from deploy.local.stack import Stack
from tests.bench import files
from tests.bench.__main__ import (
    ADMIN,
    FOOTHOLD,
    IMPORTS,
    Bench,
    Kind,
    import_file,
    own_stack,
    token_of,
    waiting,
)
from tests.bench.load import Measured, Request


@dataclass(frozen=True)
class Side:
    """A running version: the command that runs it, and its stack."""

    foothold: str
    stack: Stack

    def load(self, folder: Path) -> None:
        """Imports the files and waits until every event has reached every consumer."""
        headers = {"Authorization": f"Bearer {token_of(self.stack, ADMIN)}"}
        with httpx.Client(base_url=self.stack.url("gateway"), headers=headers, timeout=600) as client:
            for noun, name, profile in IMPORTS:
                import_file(client, noun, folder / name, profile)
        self.settle()

    def settle(self) -> None:
        """Waits until nothing is on its way."""
        while any(map(waiting, self._events().values())):
            time.sleep(0.5)

    def _events(self) -> dict[str, Any]:
        command, environment = [self.foothold, "status", "--json"], dict(self.stack.environment)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return dict(json.loads(ran.stdout)["events"])


class Asked:
    """A version with what it is asked; the numbers of requests go on from turn to turn, so that none is sent twice."""

    def __init__(self, side: Side, console: Console) -> None:
        self.side = side
        self._bench = Bench(side.stack, 1.0, console)
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(count)

    async def kinds(self) -> Sequence[Kind]:
        """Every kind of request, in the order in which the data allows it."""
        rows = await self._bench.rows()
        return (*self._bench.reads(rows), *self._bench.writes(rows))

    async def turn(self, kind: Kind) -> Measured:
        """A second of one kind of request."""

        def make(_: int) -> Request:
            return kind.make(next(self._numbers[kind.what]))

        return await self._bench.drive(replace(kind, make=make), 1.0)


async def compare(this: Asked, other: Asked, rounds: int) -> Table:
    """Asks both in turns; the medians of their rates, and of the ratios of neighbours with the quartiles of those."""
    table = Table("what", "other /s", "this /s", "this / other", "quartiles", "refused", box=None)
    for ours, theirs in zip(await this.kinds(), await other.kinds(), strict=True):
        pairs = [await _pair((this, ours), (other, theirs), swapped=n % 2 == 1) for n in range(rounds)]
        low, middle, high = statistics.quantiles((a.rate / b.rate for a, b in pairs), n=4)
        mine, others = (statistics.median(got.rate for got in side) for side in zip(*pairs, strict=True))
        refused = sum(got.refused for pair in pairs for got in pair)
        spread = f"{low:.2f} to {high:.2f}"
        table.add_row(
            ours.what, f"{others:,.0f}", f"{mine:,.0f}", f"{middle:.2f}", spread, str(refused or "")
        )
        for asked in (this, other):
            await asyncio.to_thread(asked.side.settle)
    return table


async def _pair(
    one: tuple[Asked, Kind], two: tuple[Asked, Kind], *, swapped: bool
) -> tuple[Measured, Measured]:
    """A turn of each, of the second one first where they are swapped."""
    if swapped:
        second, first = await _pair(two, one, swapped=False)
        return first, second
    return await one[0].turn(one[1]), await two[0].turn(two[1])


def main() -> None:
    """Parses the arguments, brings up both and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.beside")
    parser.add_argument(
        "--other", type=Path, required=True, help="a checkout of another version, made ready to run"
    )
    parser.add_argument("--scale", type=float, default=0.1, help="as of `make bench`")
    parser.add_argument(
        "--rounds", type=int, default=12, help="turns that each version takes of each kind of request"
    )
    asked = parser.parse_args()
    console = Console()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        files.write(folder, files.Size().scaled(asked.scale), datetime.now(UTC).date())
        sides: list[Side] = []
        for foothold, port in ((FOOTHOLD, 8400), (str(asked.other / ".venv" / "bin" / "foothold"), 8440)):
            sides.append(Side(foothold, held.enter_context(own_stack(port, foothold))))
            sides[-1].load(folder)
        this, other = (Asked(side, console) for side in sides)
        console.print(asyncio.run(compare(this, other, asked.rounds)))


if __name__ == "__main__":
    main()
