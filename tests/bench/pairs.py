"""Every declared pair of filter and sort on tables of a million rows: how much is read to show a page of 50.

Rows read are held against what a page may read, a deep page's as well, and its blocks against those of the first.
Part of `make bench`; alone it is `python -m tests.bench.pairs --rows 1000000`.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import psycopg
from rich.console import Console
from rich.table import Table

from tests.bench.figures import WIDTH, end
from tests.filled import VIEWERS
from tests.pairs import ALL, LIMIT, Filled, Shelf
from tests.servers import Databases, OwnServers

ROWS: Final = 1_000_000
FEWEST: Final = 50_000
"""In fewer rows no page lies deep enough to be told from the first."""


@dataclass
class Found:
    """What one list's pages read: rows at the most, against what was allowed, and blocks of first and deep pages."""

    pages: int = 0
    rows: int = 0
    deepest: float = 0
    wrong: list[str] = field(default_factory=list[str])


async def measure(shelf: Shelf, url: str, who: str) -> Found:
    """Every case of the list for one viewer."""
    found = Found()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as session:
        for case in shelf.cases():
            plan = await shelf.explained(who, case.query)
            found.pages += 1
            found.rows = max(found.rows, plan.rows(shelf.described.relation))
            said = [await shelf.wanting(who, case)]
            if who != "few" and not case.narrow and case.values == 1:
                deep = await shelf.deep(session, who, case)
                found.deepest = max(found.deepest, deep.buffers / max(plan.buffers, 1))
                said.append(shelf.too_deep(who, case, plan, deep))
            at = f"{shelf.described.relation}, {who}, {dict(case.query)}"
            found.wrong += [f"{at}: {each}" for each in said if each]
    return found


async def run(databases: Databases, rows: int, console: Console) -> list[str]:
    """A line for each list and viewer; gives what is wrong."""
    table = Table("list", "viewer", "pages", "rows read at most", "deep page / first, blocks", box=None)
    wrong: list[str] = []
    async with AsyncExitStack() as stack:
        filled = Filled(databases, stack, rows)
        for name, (service, described) in ALL.items():
            console.print(f"… {name}: {rows:,} rows")
            for who in VIEWERS:
                got = await measure(Shelf(filled, service, described), filled.url(service), who)
                wrong += got.wrong
                deepest = f"{got.deepest:.2f}" if got.deepest else ""
                table.add_row(name, who, str(got.pages), str(got.rows), deepest)
    console.print(table)
    return wrong


def wrong(rows: int, console: Console) -> list[str]:
    """What is wrong with how pages of so many rows are found, on a server of its own."""
    servers = OwnServers()
    try:
        databases = Databases(servers.postgres())
        found = asyncio.run(run(databases, rows, console))
        databases.close()
    finally:
        servers.close()
    return found


def at_least(given: str) -> int:
    """The number of rows that is asked for. Raises ArgumentTypeError where it is none, or below `FEWEST`."""
    if not given.isdecimal() or int(given) < FEWEST:
        raise argparse.ArgumentTypeError(f"wants at least {FEWEST:,} rows, for pages to lie deep in them")
    return int(given)


def main() -> None:
    """Parses the arguments; ends with 1 where a page is found by reading too much."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pairs")
    parser.add_argument("--rows", type=at_least, default=ROWS, help=f"of each table; pages hold {LIMIT}")
    console = Console(width=WIDTH)
    end(wrong(parser.parse_args().rows, console), console)


if __name__ == "__main__":
    main()
