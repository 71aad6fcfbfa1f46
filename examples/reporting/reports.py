"""The reports: the SQL files beside this one, asked of the file and shown as tables."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .file import File

REPORTS: Final = sorted(Path(__file__).with_name("reports").glob("*.sql"))

Row = Mapping[str, Any]

_WITHOUT_CENTS: Final = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_IN_THOUSANDS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})

_SHOWN_REASONS = 5
_MONEY = ("amount", "forecast")
_NUMBERS = (*_MONEY, "deals", "entered", "went_on", "total", "work", "selling")


def rows(file: File, report: Path) -> list[dict[str, Any]]:
    """What a report says: money in minor units, rates per mille, null where there is nothing to divide by."""
    return file.ask(report.read_text(encoding="utf-8"))


def show(file: File, console: Console) -> None:
    """Every report as a table, and what it rests on."""
    for report in REPORTS:
        title = report.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
        console.print(title, style="bold", highlight=False)
        console.print(_table(rows(file, report)), "")
    for line in _footing(file):
        console.print(line, highlight=False)


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None)
    for name in found[0] if found else ("nothing yet",):
        table.add_column(name.replace("_", " "), justify="right" if name in _NUMBERS else "left")
    for row in found:
        table.add_row(*(Text(_cell(name, value, row)) for name, value in row.items()))
    return table


def _cell(name: str, value: Any, row: Row) -> str:
    if value is None:
        return "-"
    if name in _MONEY:
        return money(value, row["currency"])
    return _CELLS.get(name, _plain)(value)


def money(minor: int, currency: str) -> str:
    """An amount of minor units in the currency's own: 123456 is 1,234.56 where it has cents."""
    digits = 0 if currency in _WITHOUT_CENTS else 3 if currency in _IN_THOUSANDS else 2
    whole, part = divmod(abs(minor), 10**digits)
    return f"{'-' * (minor < 0)}{whole:,}" + (f".{part:0{digits}}" if digits else "")


def _plain(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _month(value: date) -> str:
    return f"{value:%Y-%m}"


def _amounts(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{money(total, currency)} {currency}" for currency, total in totals.items())


def _minutes(by_category: Mapping[str, int]) -> str:
    return ", ".join(f"{category} {minutes:,}" for category, minutes in by_category.items())


def _robbers(robbers: list[Row]) -> str:
    return ", ".join(f"{each['robber']} {each['minutes']:,} ({each['per_mille']}‰)" for each in robbers)


_CELLS: Final[Mapping[str, Callable[[Any], str]]] = {
    "month": _month,
    "amounts": _amounts,
    "minutes": _minutes,
    "robbers": _robbers,
}


def _footing(file: File) -> list[str]:
    """As of when the reports are, which events are behind them, and what could not be read."""
    places = file.ask(
        "SELECT topic, max(told_at) AS told_at, max(position) AS position FROM place GROUP BY topic ORDER BY topic"
    )
    refused = file.ask("SELECT topic, reason, count(*) AS records FROM refused GROUP BY ALL ORDER BY ALL")
    return [
        *(_reached(**each) for each in places),
        f"Records that could not be read: {sum(each['records'] for each in refused):,} (see the table `refused`).",
        *(f"  {each['records']:,} of {each['topic']}: {each['reason']}" for each in refused[:_SHOWN_REASONS]),
    ]


def _reached(topic: str, told_at: datetime | None, position: int) -> str:
    if told_at is None:
        return f"{topic} has told nothing yet."
    return f"{topic} as of {told_at:%Y-%m-%d %H:%M:%S} UTC, position {position:,}."
