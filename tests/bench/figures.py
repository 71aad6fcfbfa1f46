"""What the benchmark found, a line each, and whether that is what is demanded.

Judged is what is demanded of any machine, in absolute figures. Rates are shown beside floors of the same run: machines
are noisy.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, Never, TypeAlias

from rich.console import Console
from rich.table import Table

WIDTH: Final = 130
"""Characters of a line, on a terminal and in a file."""

Column: TypeAlias = Literal["amount", "p99 ms", "of the floor"]


@dataclass(frozen=True)
class Wanted:
    """What stands in one column of a figure at the most, or at the least."""

    column: Column
    most: float = inf
    least: float = -inf

    def __str__(self) -> str:
        return f"{self.column} <= {self.most:g}" if self.most < inf else f"{self.column} >= {self.least:g}"


@dataclass(frozen=True)
class Figure:
    """One line of the result: what, how much, latencies, the floor that it is compared with, and what is demanded."""

    what: str
    amount: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    floor: float | None = None
    refused: int = 0
    wanted: Wanted | None = None

    @property
    def missed(self) -> str:
        """In what it is not as demanded; "" for nothing. What was refused, or never came, is no figure at all."""
        if self.wanted is None:
            return ""
        found = self._in(self.wanted.column)
        if found is None or not self.wanted.least <= found <= self.wanted.most:
            told = "nothing" if found is None else f"{found:,.2f}"
            return f"{self.what}: {told}, wanted {self.wanted}"
        return f"{self.what}: {self.refused} refused or never seen" if self.refused else ""

    def cells(self) -> Sequence[str]:
        """The line as it is shown."""
        latencies = (f"{each:.1f}" if each is not None else "" for each in (self.p50, self.p99))
        of_the_floor = self._in("of the floor")
        share = f"{of_the_floor:.3f}" if of_the_floor is not None else ""
        demanded = f"{self.wanted or ''}{' MISSED' if self.missed else ''}"
        return (
            self.what, f"{self.amount:,.0f} {self.unit}", *latencies, share, str(self.refused or ""), demanded
        )  # fmt: skip

    def _in(self, column: Column) -> float | None:
        match column:
            case "amount":
                return self.amount
            case "p99 ms":
                return self.p99
            case "of the floor":
                return self.amount / self.floor if self.floor else None


def show(figures: Iterable[Figure], console: Console) -> None:
    """The result as a table."""
    table = Table("what", "amount", "p50 ms", "p99 ms", "of the floor", "refused", "wanted", box=None)
    for figure in figures:
        table.add_row(*figure.cells())
    console.print(table)


def missed(figures: Iterable[Figure]) -> list[str]:
    """What is not as demanded, a sentence each."""
    return [figure.missed for figure in figures if figure.missed]


def end(wrong: Sequence[str], console: Console) -> Never:
    """Says what is not as demanded, and ends the process: with 1 where there is something."""
    for line in wrong:
        console.print(f"Missed: {line}", soft_wrap=True, markup=False, highlight=False)
    if not wrong:
        console.print("Nothing that is demanded is missed.")
    sys.exit(bool(wrong))
