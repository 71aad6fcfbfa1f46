"""The customer's people and the links between them over HTTP, on a real database."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.problems import assert_problem
from tests.services.contacts.conftest import House


def last(path: str) -> str:
    return path.rpartition("/")[2]


async def test_a_person_is_seen_by_whoever_sees_their_account(house: House) -> None:
    account = await house.open("seller")
    path = await house.meet("seller", account)
    for who, status in {"seller": 200, "boss": 200, "executive": 200, "admin": 200, "stranger": 404}.items():
        assert (await house.call(who, "GET", path)).status_code == status
        listed = await house.ok(who, "GET", f"/v1/contacts?account_id={last(account)}&count=true")
        assert listed["total"] == (1 if status == 200 else 0)
    [entry] = await house.rows("SELECT partition_key FROM journal WHERE aggregate = 'contact'")
    assert str(entry["partition_key"]) == last(account)


async def test_a_person_is_shown_with_all_that_they_have(house: House) -> None:
    body: dict[str, Any] = {
        "account_id": last(await house.open("seller")), "name": "王伟", "title": "CTO", "department": "TECHNICAL",
        "level": "TOP", "phones": ["+41 31 123 45 67"], "emails": ["Wei@Example.com"], "tenure_end_on": "2030-12-31",
        "real_influence": "H", "public_official": True, "preferred_channel": "IN_PERSON", "do_not_contact": True,
        "external_ids": {"crm": "1"},
    }  # fmt: skip
    made = await house.ok("seller", "POST", "/v1/contacts", body)
    assert {name: made[name] for name in body} == body | {"emails": ["wei@example.com"]}
    assert made == await house.ok("seller", "GET", f"/v1/contacts/{made['id']}")
    found = await house.ok(
        "seller", "GET", "/v1/contacts?q=伟&tenure_end_on[lt]=2031-01-01&public_official=true"
    )
    assert [item["id"] for item in found["items"]] == [made["id"]]


async def test_a_person_is_added_at_an_account_that_one_sees(house: House) -> None:
    hidden = last(await house.open("stranger"))
    for account in (hidden, str(uuid4())):
        answer = await house.call("seller", "POST", "/v1/contacts", {"account_id": account, "name": "Jane"})
        problem = assert_problem(answer, 422, "invalid")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [("account_id", "unknown")]
    account = last(await house.open("seller"))
    answer = await house.call("marketing", "POST", "/v1/contacts", {"account_id": account, "name": "Jane"})
    assert_problem(answer, 403, "read_only_role")


async def test_a_person_is_changed_by_whoever_may_edit_the_account(house: House) -> None:
    chief = await house.hire("chief", "executive")
    path = await house.meet("seller", await house.open("seller"))
    theirs = await house.meet("admin", await house.open("admin", owner_id=chief))
    for who, at, status in (
        ("seller", path, 200), ("boss", path, 200), ("admin", path, 200), ("executive", path, 403),
        ("marketing", path, 403), ("chief", path, 403), ("chief", theirs, 200), ("stranger", path, 404),
    ):  # fmt: skip
        answer = await house.call(who, "PATCH", at, {"title": f"by {who}"}, if_match="*")
        assert answer.status_code == status, (who, answer.text)
    answer = await house.call("seller", "PATCH", path, {"account_id": str(uuid4())}, if_match="*")
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "account_id"


async def test_bad_values_are_refused_by_name(house: House) -> None:
    for field, value in [
        ("name", ""), ("department", "IT"), ("level", "LOW"), ("real_influence", "X"), ("preferred_channel", "FAX"),
        ("phones", ["12"]), ("phones", ["call me"]), ("phones", "123"), ("phones", ["123"] * 21), ("emails", ["x"]),
        ("emails", [None]), ("tenure_end_on", "31.12.2030"), ("tenure_end_on", "2030-02-30"), ("public_official", "no"),
        ("do_not_contact", 0), ("title", ""), ("title", "x" * 501), ("wants", "money"),
    ]:  # fmt: skip
        account = await house.open("seller")
        body = {"account_id": last(account), "name": "Jane"} | {field: value}
        answer = await house.call("seller", "POST", "/v1/contacts", body)
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"].split(".")[0] == field
        path = await house.meet("seller", account)
        answer = await house.call("seller", "PATCH", path, {field: value}, if_match="*")
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"].split(".")[0] == field


async def test_a_lookup_finds_the_people_whom_the_caller_sees(house: House) -> None:
    seen = await house.meet("seller", await house.open("seller"), external_ids={"crm": "1"})
    hidden = await house.meet("stranger", await house.open("stranger"), external_ids={"crm": "2"})
    shown = await house.ok("seller", "GET", seen)
    keys = [{"source": "crm", "id": id} for id in ("1", "2")]
    for body in ({"ids": [last(seen), last(hidden)]}, {"external_ids": keys}):
        assert await house.ok("seller", "POST", "/v1/contacts/lookup", body) == {"items": [shown]}


# Links


async def linked(
    house: House, path: str, to: str, kind: str = "ALLY", who: str = "seller", **more: Any
) -> Any:
    body = {"to_contact_id": last(to), "kind": kind, **more}
    return await house.call(who, "POST", f"{path}/links", body)


@pytest.fixture
async def people(house: House) -> list[str]:
    """Four people at one account of the seller's."""
    account = await house.open("seller")
    return [await house.meet("seller", account, f"p{n}") for n in range(4)]


async def test_a_link_is_made_listed_and_taken_back(house: House, people: list[str]) -> None:
    one, other = people[:2]
    answer = await linked(house, one, other, "INFLUENCES", note="Golf on Sundays.")
    made = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"{one}/links/{made['id']}"
    shown = await house.call("seller", "GET", answer.headers["location"])
    assert (shown.json(), shown.headers["etag"]) == (made, answer.headers["etag"])
    elsewhere = f"{other}/links/{made['id']}"
    assert (await house.call("seller", "GET", elsewhere)).status_code == 404
    assert (made["from_contact_id"], made["to_contact_id"]) == (last(one), last(other))
    assert (made["kind"], made["note"]) == ("INFLUENCES", "Golf on Sundays.")
    page = {"items": [made], "next_cursor": None}
    assert await house.ok("seller", "GET", f"{one}/links") == page
    assert await house.ok("seller", "GET", f"{one}/links?kind=INFLUENCES&to_contact_id={last(other)}") == page
    assert (await house.ok("seller", "GET", f"{one}/links?kind=ALLY"))["items"] == []
    assert (await house.ok("seller", "GET", f"{other}/links"))["items"] == []
    gone = await house.call("seller", "DELETE", answer.headers["location"], if_match='"1"')
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await house.ok("seller", "GET", f"{one}/links"))["items"] == []
    assert await house.entries(made["id"]) == [("contact_link.created", 1), ("contact_link.deleted", 2)]


async def test_a_link_is_made_once_of_a_kind_and_again_when_taken_back(
    house: House, people: list[str]
) -> None:
    one, other = people[:2]
    first = await linked(house, one, other)
    assert_problem(await linked(house, one, other), 409, "linked")
    assert (await linked(house, one, other, "CONFLICT")).status_code == 201
    assert (await linked(house, other, one)).status_code == 201
    await house.ok("seller", "DELETE", first.headers["location"], if_match="*")
    again = await linked(house, one, other)
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]


async def test_of_many_at_once_one_link_is_made(house: House, people: list[str]) -> None:
    answers = await asyncio.gather(*(linked(house, people[0], people[1]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_nobody_is_linked_to_themselves(house: House, people: list[str]) -> None:
    for kind, code in (("ALLY", "self"), ("REPORTS_TO", "cycle")):
        problem = assert_problem(await linked(house, people[0], people[0], kind), 422, "invalid")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [("to_contact_id", code)]


async def test_lines_of_report_form_no_circle(house: House, people: list[str]) -> None:
    for n in (0, 1):
        assert (await linked(house, people[n], people[n + 1], "REPORTS_TO")).status_code == 201
    for to in (0, 1):
        problem = assert_problem(await linked(house, people[2], people[to], "REPORTS_TO"), 422, "invalid")
        assert problem["errors"][0]["code"] == "cycle"
    assert (await linked(house, people[2], people[0], "ALLY")).status_code == 201
    first = (await house.ok("seller", "GET", f"{people[0]}/links"))["items"][0]["id"]
    await house.ok("seller", "DELETE", f"{people[0]}/links/{first}", if_match="*")
    assert (await linked(house, people[2], people[0], "REPORTS_TO")).status_code == 201


async def test_no_circle_closes_under_many_hands(house: House, people: list[str]) -> None:
    answers = await asyncio.gather(
        *(linked(house, people[n], people[(n + 1) % 4], "REPORTS_TO") for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 422]


async def test_links_are_between_people_whom_one_sees(house: House, people: list[str]) -> None:
    hidden = await house.meet("stranger", await house.open("stranger"))
    for to in (hidden, f"/v1/contacts/{uuid4()}"):
        problem = assert_problem(await linked(house, people[0], to), 422, "invalid")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [("to_contact_id", "unknown")]
    assert_problem(await linked(house, hidden, people[0]), 404, "not_found")
    assert_problem(await house.call("seller", "GET", f"{hidden}/links"), 404, "not_found")
    assert_problem(await linked(house, people[0], people[1], who="executive"), 403, "read_only_role")
    made = (await linked(house, people[0], people[1])).headers["location"]
    assert_problem(await house.call("stranger", "DELETE", made, if_match="*"), 404, "not_found")
    assert_problem(await house.call("executive", "DELETE", made, if_match="*"), 403, "read_only_role")


async def test_a_link_is_taken_back_where_it_is_and_as_it_is(house: House, people: list[str]) -> None:
    made = (await linked(house, people[0], people[1])).headers["location"]
    elsewhere = f"{people[1]}/links/{last(made)}"
    for tag in ('"1"', '"7"', "*"):
        assert_problem(await house.call("seller", "DELETE", elsewhere, if_match=tag), 404, "not_found")
    late = await house.call("seller", "DELETE", made, if_match='"7"')
    assert assert_problem(late, 412, "version_conflict")["current"]["id"] == last(made)
    assert_problem(await house.call("seller", "DELETE", made), 428, "if_match_required")
    nothing = f"{people[0]}/links/{uuid4()}"
    assert_problem(await house.call("seller", "DELETE", nothing, if_match="*"), 404, "not_found")
    await house.ok("seller", "DELETE", made, if_match='"1"')
    assert_problem(await house.call("seller", "DELETE", made, if_match="*"), 404, "not_found")


async def test_a_note_is_for_the_team_whatever_shows_it(house: House, people: list[str]) -> None:
    made = (await linked(house, people[0], people[1], note="Golf.")).headers["location"]
    house.callers.add("machine", "service", scopes=("contacts:write",))
    for who, note in {
        "seller": "Golf.",
        "boss": "Golf.",
        "admin": "Golf.",
        "executive": None,
        "machine": None,
    }.items():
        shown = await house.ok(who, "GET", made)
        [listed] = (await house.ok(who, "GET", f"{people[0]}/links"))["items"]
        assert (shown, shown["note"]) == (listed, note), who
        [born] = (await house.ok(who, "GET", f"{made}/history"))["items"]
        assert ("note" in {change["field"] for change in born["changes"]}) == (note is not None), who
        then = await house.ok(who, "GET", f"{made}?as_of={born['recorded_at']}")
        assert then == shown, who
    late = await house.call("machine", "DELETE", made, if_match='"7"')
    assert assert_problem(late, 412, "version_conflict")["current"]["note"] is None
    await house.ok("machine", "DELETE", made, if_match="*")
    for _ in ("restored", "as it stands"):
        back = await house.ok("machine", "POST", f"{made}/restoration", key="once more")
        assert (back["id"], back["note"]) == (last(made), None)
    assert (await house.ok("seller", "GET", made))["note"] == "Golf."


async def test_bad_links_are_refused_by_name(house: House, people: list[str]) -> None:
    for body, field in (
        ({}, "to_contact_id"), ({"to_contact_id": "x", "kind": "ALLY"}, "to_contact_id"),
        ({"to_contact_id": last(people[1])}, "kind"), ({"to_contact_id": last(people[1]), "kind": "FRIEND"}, "kind"),
        ({"to_contact_id": last(people[1]), "kind": "ALLY", "note": ""}, "note"),
        ({"to_contact_id": last(people[1]), "kind": "ALLY", "since": 1}, "since"),
    ):  # fmt: skip
        answer = await house.call("seller", "POST", f"{people[0]}/links", body)
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field
