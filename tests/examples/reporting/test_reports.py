"""The four reports over states that were told: the method's worked examples, and cases counted by hand."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from examples.reporting.reports import REPORTS, money, rows, show
from tests.examples.reporting.telling import Record, Teller, file_of, uuid

M01, M02, M10, M18 = REPORTS

Move = Mapping[str, Any]
NO_MOVES: tuple[Move, ...] = ()


def reported(tmp_path: Path, report: Path, *records: Record, timezone: str = "UTC") -> list[dict[str, Any]]:
    with file_of(tmp_path / "file", *records, timezone=timezone) as file:
        return rows(file, report)


def moved(origin: str, to: str, at: str, minutes: int | None) -> Move:
    """A move that somebody made."""
    return {"origin": origin, "to": to, "moved_at": at, "moved_on": at[:10], "origin_minutes": minutes}


def imported(origin: str, to: str, on: str | None, minutes: int | None) -> Move:
    """A move that a file told of: without an hour, and perhaps without a day."""
    return {"origin": origin, "to": to, "moved_at": None, "moved_on": on, "origin_minutes": minutes}


def forecast_of(teller: Teller, id: int, amount: int | None, probability: int, **values: Any) -> list[Record]:
    values = {"expected_close_on": "2027-03-31", "status": "OPEN", "moves": NO_MOVES, **values}
    return [
        teller.told("opportunity.created", id, 1, amount=amount, currency="USD", **values),
        teller.told("opportunity_standing.created", id, 1, probability=probability),
    ]


def test_m01_forecast_of_the_worked_example(tmp_path: Path) -> None:
    teller = Teller()
    deals = ((1, 100_000, 75), (2, 40_000, 6), (3, 25_000, 11))
    told = [record for deal in deals for record in forecast_of(teller, *deal)]
    (row,) = reported(tmp_path, M01, *told)
    assert row == {
        "month": date(2027, 3, 1),
        "currency": "USD",
        "deals": 3,
        "unweighed": 0,
        "amount": 165_000,
        "forecast": 80_150,
    }


def test_m01_rounds_each_deal_half_up_and_keeps_months_and_open_deals_apart(tmp_path: Path) -> None:
    teller = Teller()
    told = [
        *forecast_of(teller, 1, 1, 50),
        *forecast_of(teller, 2, 1, 50),
        *forecast_of(teller, 3, 2**62, 95, expected_close_on="2027-04-01"),
        *forecast_of(teller, 4, None, 50, expected_close_on=None),
        *forecast_of(teller, 5, 700, 100, status="WON"),
        teller.told("opportunity.created", 6, 1, amount=70, currency="USD", expected_close_on="2027-04-30"),
    ]
    found = [(row["month"], row["forecast"], row["unweighed"]) for row in reported(tmp_path, M01, *told)]
    assert found == [
        (date(2027, 3, 1), 2, 0),
        (date(2027, 4, 1), (2**62 * 95 * 2 + 100) // 200, 1),
        (None, None, 1),
    ]


def deal(teller: Teller, id: int, stage: str, status: str, *moves: Move, **values: Any) -> Record:
    values = {"amount": 100, "currency": "USD", "stage_entered_on": "2026-01-10", **values}
    return teller.told(
        "opportunity.updated", id, 1 + len(moves), stage=stage, status=status, moves=moves, **values
    )


def funnel(found: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Entered, went on, per mille, mean days and amounts, by month and stage."""
    return {(f"{row['month'] or 'unknown'}"[:7], row["stage"]): tuple(row.values())[2:] for row in found}


def test_m02_counts_deals_by_the_month_in_which_they_entered_a_stage(tmp_path: Path) -> None:
    teller = Teller()
    told = [
        # Born on 2 January, on after 10 days, on after 20 more, back to ENGAGEMENT, and there still.
        deal(
            teller,
            1,
            "ENGAGEMENT",
            "OPEN",
            moved("TARGETING", "ENGAGEMENT", "2026-01-12T08:00:00Z", 10 * 1440),
            moved("ENGAGEMENT", "SHORTLIST", "2026-02-01T08:00:00Z", 20 * 1440),
            moved("SHORTLIST", "ENGAGEMENT", "2026-02-03T08:00:00Z", 2 * 1440),
        ),
        # Born in January and lost where it was born, after a day and a half.
        deal(teller, 2, "TARGETING", "LOST", moved("TARGETING", "LOST", "2026-01-20T12:00:00Z", 2160)),
        # Never moved; of another currency.
        deal(teller, 3, "TARGETING", "OPEN", currency="EUR"),
    ]
    assert funnel(reported(tmp_path, M02, *told)) == {
        ("2026-01", "TARGETING"): (3, 1, 333, Decimal("5.8"), {"EUR": 100, "USD": 200}),
        ("2026-01", "ENGAGEMENT"): (1, 1, 1000, Decimal(20), {"USD": 100}),
        ("2026-02", "SHORTLIST"): (1, 0, 0, Decimal(2), {"USD": 100}),
    }


def test_m02_has_imported_history_and_says_what_it_does_not_know(tmp_path: Path) -> None:
    teller = Teller()
    told = [
        deal(
            teller,
            1,
            "ENGAGEMENT",
            "WON",
            imported("TARGETING", "ENGAGEMENT", "2026-03-05", None),
            imported("ENGAGEMENT", "WON", "2026-03-15", 10 * 1440),
        ),
        deal(teller, 2, "ENGAGEMENT", "OPEN", imported("TARGETING", "ENGAGEMENT", None, None), amount=None),
        deal(teller, 3, "TARGETING", "OPEN", stage_entered_on=None),
    ]
    assert funnel(reported(tmp_path, M02, *told)) == {
        ("2026-03", "ENGAGEMENT"): (1, 1, 1000, Decimal(10), {"USD": 100}),
        ("unknown", "TARGETING"): (3, 2, 667, None, {"USD": 200}),
        ("unknown", "ENGAGEMENT"): (1, 0, 0, None, None),
    }


def test_m02_counts_a_deal_that_was_opened_again_once(tmp_path: Path) -> None:
    told = deal(
        Teller(),
        1,
        "CONTRACTING",
        "WON",
        moved("CONTRACTING", "LOST", "2026-05-02T00:00:00Z", 1440),
        moved("LOST", "CONTRACTING", "2026-06-01T00:00:00Z", 30 * 1440),
        moved("CONTRACTING", "WON", "2026-06-04T00:00:00Z", 3 * 1440),
    )
    assert funnel(reported(tmp_path, M02, told)) == {
        ("2026-05", "CONTRACTING"): (1, 1, 1000, Decimal(2), {"USD": 100})
    }


@pytest.mark.parametrize(("timezone", "month"), [("UTC", "2026-01"), ("Asia/Shanghai", "2026-02")])
def test_m02_takes_the_organisations_day_for_a_day(tmp_path: Path, timezone: str, month: str) -> None:
    told = deal(
        Teller(), 1, "ENGAGEMENT", "OPEN", moved("TARGETING", "ENGAGEMENT", "2026-02-10T20:00:00Z", 10 * 1440)
    )
    found = funnel(reported(tmp_path, M02, told, timezone=timezone))
    assert [key for key in found if key[1] == "TARGETING"] == [(month, "TARGETING")]


def test_m10_counts_how_deals_ended_by_reason_and_by_who_won(tmp_path: Path) -> None:
    teller = Teller()
    ended = [
        ("WON", None, None, 500),
        ("LOST", "PRICE", "Rival", 300),
        ("LOST", "PRICE", "Rival", None),
        ("LOST", "PRICE", None, 50),
        ("LOST", "UNKNOWN", None, None),
        ("ABANDONED", "NO_BUDGET", None, 20),
        ("OPEN", None, None, 1_000),
    ]
    told = [
        deal(teller, at, "SHORTLIST", status, lost_reason=reason, lost_to=to, amount=amount)
        for at, (status, reason, to, amount) in enumerate(ended)
    ]
    assert [tuple(row.values()) for row in reported(tmp_path, M10, *told)] == [
        ("WON", None, None, "USD", 1, 0, 500),
        ("LOST", "PRICE", "Rival", "USD", 2, 1, 300),
        ("LOST", "PRICE", None, "USD", 1, 0, 50),
        ("LOST", "UNKNOWN", None, "USD", 1, 1, None),
        ("ABANDONED", "NO_BUDGET", None, "USD", 1, 0, 20),
    ]


WEEKS = {
    "WK1": (
        {
            "F2F_SELLING": 720, "REMOTE_SELLING": 240, "COLLECTION": 120, "IN_STORE": 180, "WAITING": 150,
            "TRAVEL": 480, "MEAL": 300, "PAPERWORK": 300, "INTERNAL_MEETING": 210, "PRIVATE": 60, "PREPARATION": 180,
            "SERVICE": 120,
        },
        (3060, 2700, 960, 356, "AMBER"),
    ),
    "WK2": (
        {
            "F2F_SELLING": 360, "TRAVEL": 600, "WAITING": 300, "PAPERWORK": 420, "INTERNAL_MEETING": 480, "MEAL": 300,
        },
        (2460, 2160, 360, 167, "RED"),
    ),
    "WK3": (
        {
            "F2F_SELLING": 900, "REMOTE_SELLING": 180, "TRAVEL": 480, "WAITING": 60, "PAPERWORK": 240,
            "INTERNAL_MEETING": 120, "PREPARATION": 300, "MEAL": 300,
        },
        (2580, 2280, 1080, 474, "GREEN"),
    ),
    "nothing but meals": ({"MEAL": 60}, (60, 0, 0, None, None)),
    "nothing sold": ({"TRAVEL": 60}, (60, 60, 0, 0, "RED")),
    "300 per mille": ({"F2F_SELLING": 300, "TRAVEL": 700}, (1000, 1000, 300, 300, "AMBER")),
    "400 per mille": ({"REMOTE_SELLING": 400, "TRAVEL": 600}, (1000, 1000, 400, 400, "GREEN")),
}  # fmt: skip


def log(teller: Teller, id: int, on: str, category: str, minutes: int, robber: str | None = None) -> Record:
    return teller.told(
        "time_log.recorded", id, 1, spent_on=on, category=category, minutes=minutes, robber=robber
    )


@pytest.mark.parametrize("week", WEEKS)
def test_m18_week_of_the_worked_examples(tmp_path: Path, week: str) -> None:
    minutes, figures = WEEKS[week]
    teller = Teller()
    told = [
        log(teller, at, f"2026-03-0{2 + at % 7}", category, spent)
        for at, (category, spent) in enumerate(minutes.items())
    ]
    (row,) = reported(tmp_path, M18, *told)
    assert (row["total"], row["work"], row["selling"], row["selling_per_mille"], row["band"]) == figures
    assert row["week"] == date(2026, 3, 2)
    assert row["minutes"] == minutes
    assert list(row["minutes"].values()) == sorted(minutes.values(), reverse=True)
    assert row["robbers"] is None


def test_m18_week_begins_on_monday_and_names_the_three_worst_robbers(tmp_path: Path) -> None:
    teller = Teller()
    robbers = [
        ("MEETINGS", 20),
        ("MEETINGS", 15),
        ("NO_GOALS", 30),
        ("CANNOT_SAY_NO", 10),
        ("NO_DAILY_PLAN", 10),
    ]
    told = [
        *(
            log(teller, at, "2026-03-08", "TRAVEL", spent, robber)
            for at, (robber, spent) in enumerate(robbers)
        ),
        log(teller, 9, "2026-03-09", "TRAVEL", 5),
    ]
    first, second = reported(tmp_path, M18, *told)
    assert (first["week"], second["week"]) == (date(2026, 3, 2), date(2026, 3, 9))
    assert [tuple(each.values()) for each in first["robbers"]] == [
        ("MEETINGS", 35, 412),
        ("NO_GOALS", 30, 353),
        ("CANNOT_SAY_NO", 10, 118),
    ]


def test_what_is_gone_counts_in_no_report(tmp_path: Path) -> None:
    teller = Teller()
    told = [
        *forecast_of(teller, 1, 100, 50),
        log(teller, 2, "2026-03-08", "TRAVEL", 5),
        teller.told("opportunity.deleted", 1, 2, amount=100),
        teller.told("time_log.deleted", 2, 2),
    ]
    with file_of(tmp_path / "file", *told) as file:
        assert [rows(file, report) for report in REPORTS] == [[], [], [], []]


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123_456, "USD", "1,234.56"),
        (-5, "EUR", "-0.05"),
        (123_456, "JPY", "123,456"),
        (1_234_567, "KWD", "1,234.567"),
        (0, "CNY", "0.00"),
    ],
)
def test_money_is_shown_in_major_units(minor: int, currency: str, shown: str) -> None:
    assert money(minor, currency) == shown


def test_tables_show_money_missing_values_and_what_they_rest_on(tmp_path: Path) -> None:
    teller = Teller()
    told = [
        *forecast_of(teller, 1, 12_345_678, 50),
        deal(teller, 2, "BIDDING", "LOST", lost_to="[red]Rival[/]", lost_reason=None),
        log(teller, 3, "2026-03-08", "TRAVEL", 1_440, "MEETINGS"),
        teller.told("account.created", 4, 1, name=uuid(4)).with_value(b"no event"),
    ]
    console = Console(width=200, record=True)
    with file_of(tmp_path / "file", *told) as file:
        show(file, console)
    shown = console.export_text()
    assert "61,728.39" in shown
    assert "[red]Rival[/]" in shown
    assert "MEETINGS 1,440 (1000‰)" in shown
    assert "told as of 2026-03-02 08:30:00 UTC, position 4." in shown
    assert "Records that could not be read: 1 " in shown
    assert "1 of told: the value is not JSON" in shown
