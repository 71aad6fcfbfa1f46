"""Erasing a person: afterwards nothing in the database tells of them but ids, and texts for people to look at."""

from importlib import import_module
from typing import Any

import psycopg
import pytest
from psycopg import sql

from services.contacts.main import SERVICE
from services.kit import idempotency
from services.kit.db import Database
from services.kit.erasure import forget_reports
from services.kit.purging import purge
from tests.places import places as everywhere
from tests.problems import assert_problem
from tests.services.aging import aged, purged
from tests.services.contacts.conftest import House

MARK = "qzxmarker"
"""Stands in everything that is said of the person."""

LATER: dict[str, Any] = {"name": f"Jane Q. {MARK}", "title": f"Head {MARK}", "emails": []}
"""What the person is called by now: files know them as they were."""


async def places(url: str) -> set[str]:
    """Every column of every table in which the mark stands, as `table.column`."""
    return await everywhere(url, MARK)


async def planted(house: House) -> str:
    """A person whose every word holds the mark, with history, links, kept answers and an import's report."""
    account = await house.open("seller")
    said: dict[str, Any] = {
        "title": f"Chief {MARK}", "emails": [f"{MARK}@example.com"], "external_ids": {"crm": f"{MARK}-1"},
    }  # fmt: skip
    body = {"account_id": account[-36:], "name": f"Jane {MARK}"} | said
    made = await house.call("seller", "POST", "/v1/contacts", body, key="made")
    path: str = made.headers["location"]
    await house.ok("seller", "PATCH", path, LATER, if_match="*", key="changed")
    friend = await house.meet("seller", account, "John Doe")
    for one, other, kind in ((path, friend, "ALLY"), (friend, path, "INFLUENCES")):
        told = {"to_contact_id": other[-36:], "kind": kind, "note": f"{MARK} is close"}
        await house.ok("seller", "POST", f"{one}/links", told, key=f"link {kind}")
    job = "INSERT INTO job (id, kind, lane, argument, created_by) VALUES (uuidv7(), 'x', 'x', '{}', 'x') RETURNING id"
    [row] = await house.rows(job)
    await house.rows(
        "INSERT INTO import_report (job_id, row, external_id, outcome, message, findings)"
        " VALUES (%(job)s, 1, 'qzxmarker-1', 'REFUSED', 'qzxmarker-1 is no row', '[]')", job=row["id"],
    )  # fmt: skip
    await house.rows(
        "INSERT INTO import_report (job_id, row, outcome, message, findings)"
        " VALUES (%(job)s, 2, 'MENDED', 'qzxmarker@example.com stands twice', '[]')", job=row["id"],
    )  # fmt: skip
    await house.rows(
        "INSERT INTO import_row (job_id, walk, row, cells) VALUES (%(job)s, 0, 1, '[\"Jane qzxmarker\"]')",
        job=row["id"],
    )
    return path


async def test_nothing_tells_of_a_person_who_was_erased(house: House) -> None:
    path = await planted(house)
    assert await places(house.url) >= {
        "contact.name", "contact_link.note", "journal.state", "journal.changed", "idempotency_key.answer",
        "external_id.external_id", "import_report.message", "import_row.cells",
    }  # fmt: skip
    told = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert await places(house.url) == set()
    assert (told["contact_id"], told["reason"]) == (path[-36:], "REQUESTED")
    assert told["topics_clean_at"] > told["erased_at"]
    entries = await house.entries(path[-36:])
    assert [type_ for type_, _ in entries] == ["contact.created", "contact.updated", "contact.erased"]
    kinds = await house.rows("SELECT type FROM journal WHERE aggregate = 'contact_link' ORDER BY id")
    assert [row["type"] for row in kinds] == ["contact_link.created"] * 2 + ["contact_link.erased"] * 2


async def test_an_erased_person_never_comes_back(house: House) -> None:
    path = await planted(house)
    await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert_problem(await house.call("admin", "POST", f"{path}/restoration"), 409, "erased")
    for method in ("GET", "DELETE", "PATCH"):
        body = {"name": "x"} if method == "PATCH" else None
        assert_problem(await house.call("admin", method, path, body, if_match="*"), 404, "not_found")
    assert_problem(await house.call("admin", "GET", f"{path}/personal-data"), 404, "not_found")
    replayed = await house.call("seller", "PATCH", path, LATER, if_match="*", key="changed")
    assert MARK not in replayed.text
    again = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "UNLAWFUL"})
    assert again["reason"] == "REQUESTED"
    assert again["erased_at"] == (await house.ok("admin", "GET", f"{path}/erasure"))["erased_at"]


async def test_only_an_administrator_erases_and_on_a_ground(house: House) -> None:
    path = await planted(house)
    for who in ("seller", "boss", "executive"):
        refused = await house.call(who, "POST", f"{path}/erasure", {"reason": "REQUESTED"})
        assert_problem(refused, 403, "admin_only")
    for body in ({}, {"reason": f"{MARK} asked"}, {"reason": "REQUESTED", "note": "x"}):
        assert_problem(await house.call("admin", "POST", f"{path}/erasure", body), 422, "invalid")
    assert (await house.ok("seller", "GET", path))["name"] == f"Jane Q. {MARK}"


async def test_texts_that_name_the_person_are_listed_for_people(house: House) -> None:
    path = await planted(house)
    person = await house.ok("seller", "GET", path)
    one, other = [await house.meet("seller", f"/v1/accounts/{person['account_id']}", name) for name in "AB"]
    told = {"to_contact_id": other[-36:], "kind": "ALLY", "note": f"met through jane q. {MARK.upper()}"}
    link = await house.ok("seller", "POST", f"{one}/links", told)
    mentions = [{"noun": "contact-links", "id": link["id"], "field": "note", "past": False}]
    held = await house.ok("seller", "GET", f"{path}/personal-data")
    assert (held["contact"]["name"], len(held["links"]), held["journal_entries"]) == (f"Jane Q. {MARK}", 2, 4)
    assert held["mentions_in_contacts"] == mentions
    for who in ("stranger", "executive", "reporting"):
        assert_problem(await house.call(who, "GET", f"{path}/personal-data"), 404, "not_found")
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "NOT_NEEDED"})
    assert (erased["mentions_in_contacts"], erased["more_in_contacts"]) == (mentions, False)
    house.callers.add("eraser", "service", scopes=("erasure",))
    for who in ("admin", "eraser"):
        shown = await house.ok(who, "GET", erased["location"])
        assert shown | {"location": f"{path}/erasure"} == erased
        assert await house.ok(who, "POST", f"{path}/erasure", {"reason": "UNLAWFUL"}) == erased
    assert await places(house.url) == {"contact_link.note", "journal.state", "idempotency_key.answer"} - {
        "idempotency_key.answer"
    }


async def test_texts_that_name_the_person_as_they_were_called_before_are_listed(house: House) -> None:
    account = await house.open(
        "seller", name="Jane Poe & Co", office_location="At Jane Doe's, now Jane Roe's"
    )
    path = await house.meet("seller", account, "Jane Doe")
    for name in ("Jane Poe", "Jane Roe"):
        await house.ok("seller", "PATCH", path, {"name": name}, if_match="*")
    found = [
        {"noun": "accounts", "id": account[-36:], "field": field, "past": False}
        for field in ("name", "office_location")
    ]
    assert (await house.ok("seller", "GET", f"{path}/personal-data"))["mentions_in_contacts"] == found
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert (erased["mentions_in_contacts"], erased["more_in_contacts"]) == (found, False)


async def test_texts_of_the_account_and_of_its_other_people_are_looked_at(house: House) -> None:
    fields = ("industry", "region", "office_location")
    account = await house.open("seller", name="Acme", **dict.fromkeys(fields, "jane DOE's"))
    path = await house.meet("seller", account, "Jane Doe", title="Jane Doe herself")
    other = await house.meet("seller", account, "John", title="Jane Doe's deputy")
    found = [
        {"noun": "accounts", "id": account[-36:], "field": field, "past": False} for field in sorted(fields)
    ]
    found.append({"noun": "contacts", "id": other[-36:], "field": "title", "past": False})
    assert (await house.ok("seller", "GET", f"{path}/personal-data"))["mentions_in_contacts"] == found
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert (erased["mentions_in_contacts"], erased["more_in_contacts"]) == (found, False)


async def test_a_name_that_only_a_change_tells_of_is_looked_for(house: House) -> None:
    account = await house.open("seller", office_location="At Jane Doe's")
    path = await house.meet("seller", account, "Jane Doe")
    await house.ok("seller", "PATCH", path, {"name": "Jane Roe"}, if_match="*")
    await house.rows("DELETE FROM journal WHERE aggregate = 'contact' AND version = 1")
    found = [{"noun": "accounts", "id": account[-36:], "field": "office_location", "past": False}]
    assert (await house.ok("seller", "GET", f"{path}/personal-data"))["mentions_in_contacts"] == found
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert (erased["mentions_in_contacts"], erased["more_in_contacts"]) == (found, True)


async def test_texts_of_other_accounts_are_looked_at_when_the_person_is_erased(house: House) -> None:
    path = await house.meet("seller", await house.open("seller"), "Jane_Doe")
    elsewhere = await house.open("boss", office_location="c/o JANE_DOE")
    await house.open("boss", office_location="Jane Doe, and Jane%Doe")
    assert (await house.ok("seller", "GET", f"{path}/personal-data"))["mentions_in_contacts"] == []
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    found = [{"noun": "accounts", "id": elsewhere[-36:], "field": "office_location", "past": False}]
    assert erased["mentions_in_contacts"] == found


async def test_texts_that_were_overwritten_are_said_to_be_of_the_past(house: House) -> None:
    account = await house.open("seller", office_location="At Jane Doe's", region="Jane Doe's")
    path = await house.meet("seller", account, "Jane Doe")
    for told in ({"office_location": "Leeds"}, {"region": "that of Jane Doe"}):
        await house.ok("seller", "PATCH", account, told, if_match="*")
    found = [
        {"noun": "accounts", "id": account[-36:], "field": "office_location", "past": True},
        {"noun": "accounts", "id": account[-36:], "field": "region", "past": False},
    ]
    assert (await house.ok("seller", "GET", f"{path}/personal-data"))["mentions_in_contacts"] == found
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert (erased["mentions_in_contacts"], erased["more_in_contacts"]) == (found, False)


@pytest.mark.parametrize("blank", ["", "  "])
async def test_a_blank_name_stands_in_no_text(house: House, blank: str) -> None:
    path = await house.meet("seller", await house.open("seller", office_location="Over  there"), "Jane Doe")
    await house.rows(
        "UPDATE journal SET state = state || jsonb_build_object('name', %(blank)s::text)"
        " WHERE aggregate = 'contact'", blank=blank,
    )  # fmt: skip
    assert (await house.ok("seller", "GET", f"{path}/personal-data"))["mentions_in_contacts"] == []
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    assert (erased["mentions_in_contacts"], erased["more_in_contacts"]) == ([], False)


async def test_what_is_left_is_read_by_whom_erasing_is_entrusted_to(house: House) -> None:
    path = await house.meet("seller", await house.open("seller"))
    assert_problem(await house.call("admin", "GET", f"{path}/erasure"), 404, "not_found")
    await house.ok("admin", "POST", f"{path}/erasure", {"reason": "REQUESTED"})
    house.callers.add("reader", "service", scopes=("contacts:write",))
    assert_problem(await house.call("reader", "GET", f"{path}/erasure"), 403, "scope_missing")
    for who in ("seller", "boss", "executive"):
        assert_problem(await house.call(who, "GET", f"{path}/erasure"), 403, "admin_only")


async def test_an_erasure_is_known_when_the_row_is_purged(house: House) -> None:
    path = await house.meet("seller", await house.open("seller"))
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "CONSENT_WITHDRAWN"})
    await aged(house.url, SERVICE)
    assert await purged(house.url, SERVICE) == 1
    assert await house.rows("SELECT id FROM contact") == []
    shown = await house.ok("admin", "GET", erased["location"])
    assert shown | {"location": erased["location"]} == erased


async def test_who_was_erased_before_it_was_kept_is_said_to_be_erased_and_not_searched(house: House) -> None:
    path = await house.meet("seller", await house.open("seller"))
    erased = await house.ok("admin", "POST", f"{path}/erasure", {"reason": "UNLAWFUL"})
    await house.rows("DELETE FROM erasure")
    await house.rows(import_module("services.contacts.migrations.versions.0013_erasure").ERASED_BEFORE)
    shown = await house.ok("admin", "GET", f"{path}/erasure")
    assert shown | {"location": erased["location"]} == erased | {"more_in_contacts": True}


@pytest.mark.parametrize("days", [30, 0])
async def test_what_was_deleted_long_ago_goes_for_good(house: House, days: int) -> None:
    path = await planted(house)
    account = f"/v1/accounts/{(await house.ok('seller', 'GET', path))['account_id']}"
    young = await house.open("seller", external_ids={"crm": "young"})
    for each in (account, young):
        await house.ok("seller", "DELETE", each, if_match="*")
    aged = sql.SQL(
        "UPDATE {} SET deleted_at = deleted_at - interval '31 days' WHERE deleted_at IS NOT NULL AND id <> %s"
    )
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        for deletable in SERVICE.deletables:
            await session.execute(aged.format(deletable.aggregate.relation), [young[-36:]])
        await session.execute("UPDATE idempotency_key SET created_at = created_at - interval '31 days'")
    statements: list[str] = []
    db = Database(house.url, name="tests", on_statement=statements.append)
    await db.open()
    try:
        assert await idempotency.sweep(db) > 0
        statements.clear()
        assert await purge(db, SERVICE.deletables, days) == (6 if days == 0 else 5)
        assert [text for text in statements if "idempotency_key" in text] == []
        assert await purge(db, SERVICE.deletables, days) == 0
        async with db.transaction() as tx:
            await forget_reports(tx, [f"Jane {MARK}", f"{MARK}-1", f"{MARK}@example.com"])
    finally:
        await db.close()
    assert await house.rows("SELECT id FROM contact") == []
    assert await house.rows("SELECT person_id FROM erasure") == []
    assert await places(house.url) == set()
    assert_problem(await house.call("admin", "POST", f"{account}/restoration"), 404, "not_found")
    assert (await house.entries(account[-36:]))[-1] == ("account.erased", 3)
    left = await house.rows("SELECT external_id FROM external_id")
    assert [row["external_id"] for row in left] == (["young"] if days else [])
