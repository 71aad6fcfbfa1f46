"""The files that the benchmark imports: a made-up house in the shape of the sample, as large as asked."""

import csv
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

TYPES = ("VISIT", "CALL", "EMAIL", "TECH_EXCHANGE", "PRODUCT_INTRO", "NEGOTIATION")
SECTORS = ("retail", "medical", "software", "finance", "technology")


@dataclass(frozen=True)
class Size:
    """How many rows of each kind."""

    managers: int = 20
    sellers: int = 200
    products: int = 50
    accounts: int = 10_000
    deals: int = 100_000
    activities: int = 300_000

    def scaled(self, share: float) -> "Size":
        """The same house at another size."""
        parts = (self.managers, self.sellers, self.products, self.accounts, self.deals, self.activities)
        return Size(*(max(2, int(part * share)) for part in parts))


def seller(number: int) -> str:
    """The name of a seller."""
    return f"Seller S{number:04d}"


def account(number: int) -> str:
    """The name of an account."""
    return f"Account {number:05d}"


def write(folder: Path, size: Size, today: date, seed: int = 7) -> None:
    """Writes the files of a house of that size, dated before `today`."""
    chance = random.Random(seed)  # noqa: S311  # made-up data, and the same each time
    _write(folder / "sales_teams.csv", _teams(size))
    _write(folder / "products.csv", _products(size))
    _write(folder / "accounts.csv", _accounts(size, chance))
    _write(folder / "sales_pipeline.csv", _deals(size, chance, today))
    _write(folder / "activities.csv", _activities(size, chance, today))


Rows = list[tuple[object, ...]]


def _write(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _teams(size: Size) -> Rows:
    rows: Rows = [("sales_agent", "manager", "regional_office")]
    return rows + [(seller(n), f"Manager M{n % size.managers:03d}", "Central") for n in range(size.sellers)]


def _products(size: Size) -> Rows:
    rows: Rows = [("product", "series", "sales_price")]
    return rows + [(f"Product {n}", "P", 100 + n) for n in range(size.products)]


def _accounts(size: Size, chance: random.Random) -> Rows:
    rows: Rows = [
        ("account", "sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of")
    ]
    return rows + [
        (account(n), chance.choice(SECTORS), 1990, f"{chance.uniform(1, 9000):.2f}", 500, "United States", "")
        for n in range(size.accounts)
    ]


def _deals(size: Size, chance: random.Random, today: date) -> Rows:
    rows: Rows = [
        (
            "opportunity_id",
            "sales_agent",
            "product",
            "account",
            "deal_stage",
            "engage_date",
            "close_date",
            "close_value",
        )
    ]
    for n in range(size.deals):
        stage = chance.choices(("Won", "Lost", "Engaging", "Prospecting"), (48, 28, 18, 6))[0]
        engaged = today - timedelta(days=chance.randrange(120, 700))
        closed = engaged + timedelta(days=chance.randrange(1, 110))
        over = stage in ("Won", "Lost")
        rows.append(
            (
                f"D{n:07d}",
                seller(n % size.sellers),
                f"Product {chance.randrange(size.products)}",
                account(chance.randrange(size.accounts)),
                stage,
                "" if stage == "Prospecting" else engaged,
                closed if over else "",
                (chance.randrange(50, 30_000) if stage == "Won" else 0) if over else "",
            )
        )
    return rows


def _activities(size: Size, chance: random.Random, today: date) -> Rows:
    rows: Rows = [
        ("activity_id", "sales_agent", "account", "type", "started_at", "minutes", "two_way", "subject")
    ]
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    for n in range(size.activities):
        at = noon - timedelta(minutes=chance.randrange(1440, 1440 * 200))
        rows.append(
            (
                f"A{n:07d}",
                seller(n % size.sellers),
                account(chance.randrange(size.accounts)),
                chance.choice(TYPES),
                at.isoformat().replace("+00:00", "Z"),
                chance.randrange(10, 180),
                chance.choice(("true", "false")),
                f"Talk {n}",
            )
        )
    return rows
