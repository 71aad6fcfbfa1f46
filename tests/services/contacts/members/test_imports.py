"""Sellers and their managers come from the sample's file of teams."""

import pytest

from services.contacts.main import SERVICE
from services.contacts.members.imports import mail_of
from tests.services.contacts.conftest import House
from tests.services.importing import Importer, by_source, everything, rows_of

TEAMS = "sales_teams.csv"


@pytest.fixture
def importer(house: House) -> Importer:
    return Importer(SERVICE, house.client, house.url)


async def entries(house: House) -> int:
    return (await house.rows("SELECT count(*) AS entries FROM journal"))[0]["entries"]


async def test_sellers_and_managers_are_the_files(house: House, importer: Importer) -> None:
    told = rows_of(TEAMS)
    sellers, managers = {row["sales_agent"] for row in told}, {row["manager"] for row in told}
    job = await importer.file("members", TEAMS)
    assert job["counts"] == {
        "read": len(sellers | managers),
        "created": len(sellers | managers),
        "updated": 0,
        "unchanged": 0,
        "refused": 0,
    }
    assert len(sellers | managers) == 41
    found = by_source(await everything(house.client, "members"))
    assert set(found) == sellers | managers
    assert {name: row["name"] for name, row in found.items()} == {name: name for name in found}
    assert {name for name, row in found.items() if row["function"] == "SALES_MANAGER"} == managers
    assert {row["function"] for name, row in found.items() if name in sellers} == {"SALES"}
    above = {row["id"]: name for name, row in found.items()}
    assert {name: above.get(row["manager_id"]) for name, row in found.items()} == {
        **dict.fromkeys(managers),
        **{row["sales_agent"]: row["manager"] for row in told},
    }
    assert {row["email"] for row in found.values()} == {
        f"{name.lower().replace(' ', '.').replace('-', '.')}@example.com" for name in found
    }
    assert all(row["active"] for row in found.values())
    assert await importer.report("members", job) == []


async def test_members_are_told_once_each_with_their_manager(house: House, importer: Importer) -> None:
    before = await entries(house)
    await importer.file("members", TEAMS)
    told = await house.rows("SELECT type, version, imported FROM journal WHERE imported")
    assert len(told) == 41 == await entries(house) - before
    assert {(row["type"], row["version"]) for row in told} == {("member.created", 1)}


async def test_a_manager_sees_below_as_soon_as_the_file_is_in(house: House, importer: Importer) -> None:
    await importer.file("members", TEAMS)
    manager = "Dustin Brinkmann"
    below = await house.rows(
        "SELECT m.name FROM person_up u JOIN member m ON m.id = u.member_id JOIN member v ON v.id = u.viewer_id"
        " WHERE v.name = %(manager)s",
        manager=manager,
    )
    team = {row["sales_agent"] for row in rows_of(TEAMS) if row["manager"] == manager}
    assert {row["name"] for row in below} == team | {manager}


async def test_twice_changes_nothing_and_what_people_edited_stays(house: House, importer: Importer) -> None:
    await importer.file("members", TEAMS)
    found = by_source(await everything(house.client, "members"))
    anna, moses = found["Anna Snelling"], found["Moses Frase"]
    edits = {anna["id"]: {"manager_id": None}, moses["id"]: {"email": "moses@acme.example", "active": False}}
    for id, patch in edits.items():
        await house.ok("admin", "PATCH", f"/v1/members/{id}", patch, if_match='"1"')
    before, rows = await entries(house), await everything(house.client, "members")
    job = await importer.file("members", TEAMS)
    assert (job["counts"]["unchanged"], job["counts"]["read"]) == (41, 41)
    assert await entries(house) == before
    assert await everything(house.client, "members") == rows


async def test_a_seller_who_changes_teams_in_the_file_changes_managers(
    house: House, importer: Importer
) -> None:
    await importer.file("members", TEAMS)
    told = rows_of(TEAMS)
    told[0]["manager"] = "Celia Rouche"
    job = await importer.rows("members", told)
    assert (job["counts"]["updated"], job["counts"]["unchanged"]) == (1, 40)
    found = by_source(await everything(house.client, "members"))
    assert found["Anna Snelling"]["manager_id"] == found["Celia Rouche"]["id"]
    seen = await house.rows(
        "SELECT v.name FROM person_up u JOIN member v ON v.id = u.viewer_id WHERE u.member_id = %(id)s",
        id=found["Anna Snelling"]["id"],
    )
    assert {row["name"] for row in seen} == {"Anna Snelling", "Celia Rouche"}


async def test_a_reporting_line_stays_without_circles(house: House, importer: Importer) -> None:
    line = {"regional_office": "East"}
    first = [{"sales_agent": "Ann Lee", "manager": "Bob Ray"} | line]
    await importer.rows("members", first)
    circle = [*first, {"sales_agent": "Bob Ray", "manager": "Ann Lee"} | line]
    job = await importer.rows("members", circle)
    assert [(row, outcome) for row, outcome, _ in await importer.report("members", job)] == [(3, "MENDED")]
    found = by_source(await everything(house.client, "members"))
    assert (found["Bob Ray"]["manager_id"], found["Bob Ray"]["function"]) == (None, "SALES_MANAGER")
    itself = [{"sales_agent": "Cy Own", "manager": "Cy Own"} | line]
    job = await importer.rows("members", itself)
    assert "below itself" in (await importer.report("members", job))[0][2]


async def test_a_mail_address_that_is_taken_refuses_the_row_and_those_that_need_it(
    house: House, importer: Importer
) -> None:
    await house.hire("dustin.brinkmann", "manager")
    job = await importer.file("members", TEAMS)
    team = [row for row in rows_of(TEAMS) if row["manager"] == "Dustin Brinkmann"]
    assert (job["counts"]["created"], job["counts"]["refused"]) == (40 - len(team), 1 + len(team))
    report = await importer.report("members", job)
    assert report[0][:2] == (2, "REFUSED")
    assert "the same email already" in report[0][2]
    assert "'Dustin Brinkmann' is no member" in report[1][2]


@pytest.mark.parametrize(
    ("name", "mail"),
    [
        ("Anna Snelling", "anna.snelling@example.com"),
        ("Mei-Mei Johns", "mei.mei.johns@example.com"),
        ("Zoë Müller", "zoe.muller@example.com"),
        ("  J. R. R.  O'Hara ", "j.r.r.o.hara@example.com"),
        ("x" * 100, "x" * 64 + "@example.com"),
    ],
)
def test_a_mail_address_is_made_of_the_name(name: str, mail: str) -> None:
    assert mail_of(name) == mail


@pytest.mark.parametrize("name", ["李雷", "—", "Ω"])
def test_of_a_name_without_latin_letters_none_is_made(name: str) -> None:
    with pytest.raises(ValueError, match="Latin letters"):
        mail_of(name)
