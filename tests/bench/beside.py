"""Whether one version is slower than another: both run at once, and are asked in turns of a second.

`python -m tests.bench.beside --other ../older` compares this checkout with another one, which has a `.venv` of its own.
Rates on their own say little, for machines are noisy; a ratio of two turns, one after the other, says more, and the
median of many more still. What a request takes of the processor says most: others on the machine take less from that.
Which stack came up first, and got which memory, may move its figures for as long as it lives; so both come up twice, in
both orders.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    analyze,
    import_file,
    own_stack,
    token_of,
    waiting,
)
from tests.bench.load import Measured, Request
from tests.bench.processor import PARTS, spent


@dataclass(frozen=True)
class Side:
    """A running version: the command that runs it, and its stack."""

    foothold: str
    stack: Stack

    def load(self, folder: Path) -> None:
        """Imports the files, waits until every event has reached every consumer, and has all of it counted."""
        headers = {"Authorization": f"Bearer {token_of(self.stack, ADMIN)}"}
        with httpx.Client(base_url=self.stack.url("gateway"), headers=headers, timeout=600) as client:
            for noun, name, profile in IMPORTS:
                import_file(client, noun, folder / name, profile)
        self.settle()
        analyze(self.stack)

    def settle(self) -> None:
        """Waits until nothing is on its way."""
        while any(map(waiting, self._events().values())):
            time.sleep(0.5)

    def _events(self) -> dict[str, Any]:
        command, environment = [self.foothold, "status", "--json"], dict(self.stack.environment)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return dict(json.loads(ran.stdout)["events"])


@dataclass(frozen=True)
class Turn:
    """A second of one kind of request: what was measured, and milliseconds of processor time a request, by part."""

    got: Measured
    parts: Mapping[str, float]

    @property
    def cost(self) -> float:
        """Milliseconds of processor time a request, of all parts together."""
        return sum(self.parts.values())


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

    async def turn(self, kind: Kind) -> Turn:
        """A second of one kind of request."""

        def make(_: int) -> Request:
            return kind.make(next(self._numbers[kind.what]))

        before = spent(self.side.stack.home)
        got = await self._bench.drive(replace(kind, make=make), 1.0, warm_up=0.0)
        after = spent(self.side.stack.home)
        answers = max(len(got.latencies), 1)
        return Turn(got, {part: (after[part] - before[part]) * 1000 / answers for part in PARTS})


Pair = tuple[Turn, Turn]


async def compare(this: Asked, other: Asked, rounds: int) -> Mapping[str, Sequence[Pair]]:
    """Asks both in turns: the pairs of neighbours of each kind of request."""
    pairs: dict[str, Sequence[Pair]] = {}
    for ours, theirs in zip(await this.kinds(), await other.kinds(), strict=True):
        kinds = (this, ours), (other, theirs)
        pairs[ours.what] = [await _pair(*kinds, swapped=n % 2 == 1) for n in range(rounds)]
        for asked in (this, other):
            await asyncio.to_thread(asked.side.settle)
    return pairs


def show(asked: Sequence[Mapping[str, Sequence[Pair]]], console: Console) -> None:
    """Medians of the ratios of neighbours with their quartiles and by order, and what a request costs where."""
    ratios = Table("what", "rate: this / other", "", "in each order", "processor", "", "refused", box=None)
    costs = Table("ms of processor time, other / this", *PARTS, box=None)
    for what in asked[0]:
        pairs = [pair for order in asked for pair in order[what]]
        refused = sum(turn.got.refused for pair in pairs for turn in pair)
        each = ", ".join(f"{statistics.median(map(_rates, order[what])):.2f}" for order in asked)
        cost = _spread(a.cost / b.cost for a, b in pairs)
        ratios.add_row(what, *_spread(map(_rates, pairs)), each, *cost, str(refused or ""))
        costs.add_row(what, *(_both(pairs, part) for part in PARTS))
    console.print(ratios, costs, sep="\n\n")


def _rates(pair: Pair) -> float:
    return pair[0].got.rate / pair[1].got.rate


def _spread(ratios: Iterable[float]) -> tuple[str, str]:
    """The median and the quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f}", f"{low:.2f} to {high:.2f}"


def _both(pairs: Sequence[Pair], part: str) -> str:
    """The medians of what the part takes, of the other and of this version."""
    mine, others = (statistics.median(turn.parts[part] for turn in side) for side in zip(*pairs, strict=True))
    return f"{others:.2f} / {mine:.2f}"


async def _pair(one: tuple[Asked, Kind], two: tuple[Asked, Kind], *, swapped: bool) -> Pair:
    """A turn of each, of the second one first where they are swapped."""
    if swapped:
        second, first = await _pair(two, one, swapped=False)
        return first, second
    return await one[0].turn(one[1]), await two[0].turn(two[1])


def both(foothold: Sequence[str], folder: Path, rounds: int) -> Mapping[str, Sequence[Pair]]:
    """Brings up this version and the other one, in the order in which their commands stand, and asks them in turns."""
    with ExitStack() as held:
        sides: dict[str, Side] = {}
        for command, port in zip(foothold, (8400, 8440), strict=True):
            sides[command] = Side(command, held.enter_context(own_stack(port, command)))
            sides[command].load(folder)
        this, other = (Asked(sides[command], Console(quiet=True)) for command in sorted(foothold, key=_other))
        return asyncio.run(compare(this, other, rounds))


def _other(foothold: str) -> bool:
    return foothold != FOOTHOLD


def main() -> None:
    """Parses the arguments, brings both up in one order and in the other, and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.beside")
    parser.add_argument(
        "--other", type=Path, required=True, help="a checkout of another version, made ready to run"
    )
    parser.add_argument("--scale", type=float, default=0.1, help="as of `make bench`")
    parser.add_argument(
        "--rounds", type=int, default=8, help="turns that each takes of each kind of request, in each order"
    )
    asked = parser.parse_args()
    versions = (FOOTHOLD, str(asked.other / ".venv" / "bin" / "foothold"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.write(folder, files.Size().scaled(asked.scale), datetime.now(UTC).date())
        orders = [both(order, folder, asked.rounds) for order in (versions, versions[::-1])]
    show(orders, Console(width=130))


if __name__ == "__main__":
    main()
