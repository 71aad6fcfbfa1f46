"""Accounts come from the sample's file, with their parents, and belong to nobody."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from services.contacts.main import SERVICE
from tests.services.contacts.conftest import House
from tests.services.importing import Importer, by_source, everything, right, rows_of

ACCOUNTS = "accounts.csv"
EMPTY = {
    "sector": "", "year_established": "", "revenue": "", "employees": "", "office_location": "", "subsidiary_of": "",
}  # fmt: skip


@pytest.fixture
def importer(house: House) -> Importer:
    return Importer(SERVICE, house.client, house.url)


async def found(house: House) -> dict[str, Any]:
    return dict(by_source(await everything(house.client, "accounts")))


async def parents(house: House) -> dict[str, str | None]:
    rows = await found(house)
    names = {row["id"]: name for name, row in rows.items()}
    return {name: names.get(row["parent_account_id"]) for name, row in rows.items()}


async def entries(house: House) -> int:
    return (await house.rows("SELECT count(*) AS entries FROM journal"))[0]["entries"]


async def test_accounts_are_the_files(house: House, importer: Importer) -> None:
    told = {row["account"]: row for row in rows_of(ACCOUNTS)}
    job = await importer.file("accounts", ACCOUNTS)
    assert (job["counts"]["read"], job["counts"]["created"], job["counts"]["refused"]) == (85, 85, 0)
    rows = await found(house)
    assert set(rows) == set(told)
    for name, row in told.items():
        account = rows[name]
        assert account["name"] == name
        assert account["industry"] == right(row["sector"])
        assert account["office_location"] == right(row["office_location"])
        assert account["founded_year"] == int(row["year_established"])
        assert account["employees"] == int(row["employees"])
        assert account["annual_revenue"] == Decimal(row["revenue"]) * 1_000_000 * 100
        assert (account["currency"], account["account_kind"]) == ("USD", "PROJECT")
        assert (account["owner_id"], account["team"]) == (None, [])
    assert await parents(house) == {name: row["subsidiary_of"] or None for name, row in told.items()}


async def test_every_slip_is_told(house: House, importer: Importer) -> None:
    job = await importer.file("accounts", ACCOUNTS)
    expected = [
        (number, "MENDED", f"{column}: '{row[column]}' is read as '{right(row[column])}'")
        for number, row in enumerate(rows_of(ACCOUNTS), start=2)
        for column in ("sector", "office_location")
        if right(row[column]) != row[column]
    ]
    assert expected
    assert await importer.report("accounts", job) == expected


async def test_twice_changes_nothing_and_what_people_edited_stays(house: House, importer: Importer) -> None:
    await importer.file("accounts", ACCOUNTS)
    acme = (await found(house))["Acme Corporation"]
    edit = {"industry": "aerospace", "parent_account_id": (await found(house))["Sonron"]["id"]}
    await house.ok("admin", "PATCH", f"/v1/accounts/{acme['id']}", edit, if_match='"1"')
    before, rows = await entries(house), await everything(house.client, "accounts")
    job = await importer.file("accounts", ACCOUNTS)
    assert (job["counts"]["unchanged"], job["counts"]["updated"]) == (85, 0)
    assert await entries(house) == before
    assert await everything(house.client, "accounts") == rows


async def test_only_what_changed_in_the_file_is_written(house: House, importer: Importer) -> None:
    await importer.file("accounts", ACCOUNTS)
    acme = (await found(house))["Acme Corporation"]
    edit = {"industry": "aerospace"}
    await house.ok("admin", "PATCH", f"/v1/accounts/{acme['id']}", edit, if_match='"1"')
    told = rows_of(ACCOUNTS)
    told[0]["employees"] = "3000"
    told[1]["subsidiary_of"] = "Acme Corporation"
    job = await importer.rows("accounts", told)
    assert (job["counts"]["updated"], job["counts"]["unchanged"]) == (2, 83)
    rows = await found(house)
    assert (rows["Acme Corporation"]["employees"], rows["Acme Corporation"]["industry"]) == (
        3000,
        "aerospace",
    )
    assert rows["Betasoloin"]["parent_account_id"] == acme["id"]
    assert await house.entries(acme["id"]) == [
        ("account.created", 1),
        ("account.updated", 2),
        ("account.updated", 3),
    ]


async def test_a_parent_may_come_after_its_children_and_go_again(house: House, importer: Importer) -> None:
    lines = [
        {"account": "Child"} | EMPTY | {"subsidiary_of": "Parent"},
        {"account": "Parent"} | EMPTY,
    ]
    await importer.rows("accounts", lines)
    assert await parents(house) == {"Child": "Parent", "Parent": None}
    lines[0]["subsidiary_of"] = ""
    job = await importer.rows("accounts", lines)
    assert job["counts"]["updated"] == 1
    assert await parents(house) == {"Child": None, "Parent": None}


async def test_a_parent_that_nobody_knows_refuses_the_row(house: House, importer: Importer) -> None:
    job = await importer.rows(
        "accounts",
        [{"account": "A"} | EMPTY | {"subsidiary_of": "Nowhere"}, {"account": "B"} | EMPTY],
    )
    assert (job["counts"]["created"], job["counts"]["refused"]) == (1, 1)
    assert (
        "'Nowhere' is no account, neither in the file nor here"
        in (await importer.report("accounts", job))[0][2]
    )
    assert set(await found(house)) == {"B"}


async def test_a_row_too_large_to_be_sorted_by_is_refused_and_no_other(
    house: House, importer: Importer
) -> None:
    """Characters of four bytes in an order that no compression shortens."""
    text = Random(7)  # noqa: S311 - a text, no secret
    name, sector = ("".join(chr(text.randrange(0x20000, 0x2A6D0)) for _ in range(n)) for n in (200, 500))
    lines = [{"account": each} | EMPTY for each in ("A", name, "B")]
    lines[1]["sector"] = sector
    job = await importer.rows("accounts", lines)
    assert (job["counts"]["created"], job["counts"]["refused"]) == (2, 1)
    [(row, outcome, said)] = await importer.report("accounts", job)
    assert (row, outcome) == (3, "REFUSED")
    assert "cannot be stored" in said
    assert set(await found(house)) == {"A", "B"}


async def test_a_parent_from_an_earlier_file_is_known(house: House, importer: Importer) -> None:
    await importer.rows("accounts", [{"account": "Parent"} | EMPTY])
    await importer.rows("accounts", [{"account": "Child"} | EMPTY | {"subsidiary_of": "Parent"}])
    assert await parents(house) == {"Child": "Parent", "Parent": None}


async def test_a_child_of_a_refused_parent_is_written_without_it_until_the_parent_is_there(
    house: House, importer: Importer
) -> None:
    lines = [
        {"account": "Child"} | EMPTY | {"subsidiary_of": "Parent"},
        {"account": "Parent"} | EMPTY | {"employees": "many"},
    ]
    job = await importer.rows("accounts", lines)
    assert (job["counts"]["created"], job["counts"]["refused"]) == (1, 1)
    report = await importer.report("accounts", job)
    assert [(row, outcome) for row, outcome, _ in report] == [(2, "MENDED"), (3, "REFUSED")]
    assert "the row is written without it" in report[0][2]
    again = await importer.rows("accounts", lines)
    assert (again["counts"]["unchanged"], again["counts"]["updated"]) == (1, 0)
    lines[1]["employees"] = "7"
    await importer.rows("accounts", lines)
    assert await parents(house) == {"Child": "Parent", "Parent": None}


async def test_no_file_closes_a_circle_of_parents(house: House, importer: Importer) -> None:
    lines = [
        {"account": "A"} | EMPTY | {"subsidiary_of": "B"},
        {"account": "B"} | EMPTY | {"subsidiary_of": "C"},
        {"account": "C"} | EMPTY | {"subsidiary_of": "A"},
        {"account": "D"} | EMPTY | {"subsidiary_of": "A"},
        {"account": "E"} | EMPTY | {"subsidiary_of": "E"},
    ]
    job = await importer.rows("accounts", lines)
    assert job["counts"]["created"] == 5
    assert [row for row, _, _ in await importer.report("accounts", job)] == [2, 3, 4, 6]
    assert await parents(house) == {"A": None, "B": None, "C": None, "D": "A", "E": None}


async def test_a_file_and_people_together_close_no_circle(house: House, importer: Importer) -> None:
    await importer.rows("accounts", [{"account": "A"} | EMPTY, {"account": "B"} | EMPTY])
    rows = await found(house)
    edit = {"parent_account_id": rows["B"]["id"]}
    await house.ok("admin", "PATCH", f"/v1/accounts/{rows['A']['id']}", edit, if_match="*")
    told = [{"account": "A"} | EMPTY, {"account": "B"} | EMPTY | {"subsidiary_of": "A"}]
    job = await importer.rows("accounts", told)
    assert [row for row, _, _ in await importer.report("accounts", job)] == [3]
    assert await parents(house) == {"A": "B", "B": None}


async def test_a_dry_run_of_parents_reports_what_the_run_does(house: House, importer: Importer) -> None:
    before = await entries(house)
    dry = await importer.file("accounts", ACCOUNTS, dry_run="true")
    assert await entries(house) == before
    assert await found(house) == {}
    real = await importer.file("accounts", ACCOUNTS)
    assert dry["counts"] == real["counts"]
    assert await importer.report("accounts", dry) == await importer.report("accounts", real)
