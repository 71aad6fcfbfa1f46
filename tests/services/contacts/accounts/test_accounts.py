"""Accounts over HTTP, on a real database."""

import asyncio
from random import Random
from typing import Any
from uuid import uuid4

from tests.problems import assert_problem
from tests.services.contacts.conftest import House

NOBODY = "01990000-0000-7000-8000-000000000000"


async def test_an_account_belongs_to_its_creator_and_is_seen_from_above(house: House) -> None:
    path = await house.open("seller", name="云山电网")
    for who, status in {"seller": 200, "boss": 200, "admin": 200, "executive": 200, "stranger": 404}.items():
        answer = await house.call(who, "GET", path)
        assert answer.status_code == status, (who, answer.text)
    seen = await house.ok("boss", "GET", "/v1/accounts?q=山电&count=true")
    assert seen["total"] == 1
    unseen = await house.ok("stranger", "GET", "/v1/accounts?count=true")
    assert unseen == {"items": [], "next_cursor": None, "total": 0}


async def test_an_account_is_shown_with_all_that_it_has(house: House) -> None:
    body: dict[str, Any] = {
        "name": " Acme ", "account_kind": "CHANNEL", "industry": "Retail", "region": "EMEA",
        "website": "https://acme.example", "employees": 12, "annual_revenue": -5, "currency": "EUR",
        "founded_year": 1999, "office_location": "Bern", "parent_account_id": None, "owner_id": house.id_of("seller"),
        "team": [{"member_id": house.id_of("stranger"), "function": "PRESALES"}],
        "target_type": "FIRST_TIME_TARGET", "external_ids": {"crm": "17"},
    }  # fmt: skip
    path = await house.open("seller", **body)
    shown = await house.ok("stranger", "GET", path)
    assert {name: shown[name] for name in body} == body | {"name": "Acme"}
    assert path == f"/v1/accounts/{shown['id']}"
    assert (shown["version"], shown["created_by"]) == (1, house.id_of("seller"))
    assert shown["created_at"].endswith("Z")
    assert await house.entries(shown["id"]) == [("account.created", 1)]


async def test_an_account_wants_no_more_than_a_name(house: House) -> None:
    shown = await house.ok("seller", "GET", await house.open("seller"))
    absent = ("industry", "region", "website", "employees", "annual_revenue", "founded_year", "office_location",
              "parent_account_id", "target_type")  # fmt: skip
    assert [shown[name] for name in absent] == [None] * len(absent)
    assert (shown["account_kind"], shown["currency"], shown["team"], shown["external_ids"]) == (
        "PROJECT",
        "USD",
        [],
        {},
    )


# Owners


async def test_accounts_are_opened_for_oneself_and_for_ones_people(house: House) -> None:
    seller, boss = house.id_of("seller"), house.id_of("boss")
    assert (await house.ok("boss", "GET", await house.open("boss", owner_id=seller)))["owner_id"] == seller
    for owner in (boss, None):
        answer = await house.call("seller", "POST", "/v1/accounts", {"name": "Acme", "owner_id": owner})
        assert_problem(answer, 403, "owner_not_yours")
    assert (await house.ok("admin", "GET", await house.open("admin")))["owner_id"] is None
    assert (await house.ok("admin", "GET", await house.open("admin", owner_id=boss)))["owner_id"] == boss


async def test_roles_that_read_open_no_accounts(house: House) -> None:
    for who in ["executive", "marketing", "reporting"]:
        answer = await house.call(who, "POST", "/v1/accounts", {"name": "Acme"})
        assert_problem(answer, 403, "read_only_role")


async def test_an_owner_is_an_active_member(house: House) -> None:
    gone = await house.hire("gone", manager_id=house.id_of("boss"))
    await house.ok("admin", "PATCH", f"/v1/members/{gone}", {"active": False}, if_match="*")
    path = await house.open("boss")
    for owner in (gone, str(uuid4())):
        for answer in (
            await house.call("admin", "POST", "/v1/accounts", {"name": "Acme", "owner_id": owner}),
            await house.call("boss", "PATCH", path, {"owner_id": owner}, if_match="*"),
        ):
            problem = assert_problem(answer, 422, "invalid")
            assert [(e["field"], e["code"]) for e in problem["errors"]] == [("owner_id", "unknown")]


async def test_owner_and_team_are_handed_over_by_owner_those_above_and_admin(house: House) -> None:
    team = [{"member_id": house.id_of("stranger"), "function": "SALES"}]
    path = await house.open("seller", team=team)
    changes: list[dict[str, Any]] = [
        {"owner_id": house.id_of("stranger")},
        {"team": []},
        {"owner_id": None},
        {"team": [], "name": "x"},
    ]
    for change in changes:
        answer = await house.call("stranger", "PATCH", path, change, if_match="*")
        assert_problem(answer, 403, "not_yours_to_edit")
        assert_problem(
            await house.call("executive", "PATCH", path, change, if_match="*"), 403, "not_yours_to_edit"
        )
    await house.ok("stranger", "PATCH", path, {"name": "by a teammate"}, if_match="*")
    await house.ok("seller", "PATCH", path, {"team": []}, if_match="*")
    assert (await house.call("stranger", "GET", path)).status_code == 404
    await house.ok("boss", "PATCH", path, {"owner_id": house.id_of("stranger")}, if_match="*")
    assert (await house.call("boss", "GET", path)).status_code == 404
    assert (await house.call("seller", "GET", path)).status_code == 404
    await house.ok("admin", "PATCH", path, {"owner_id": None}, if_match="*")
    assert (await house.call("stranger", "GET", path)).status_code == 404


async def test_who_sends_owner_and_team_as_they_stand_hands_nothing_over(house: House) -> None:
    path = await house.open("seller", team=[{"member_id": house.id_of("stranger"), "function": "SALES"}])
    form = await house.ok("stranger", "GET", path)
    sent = {name: form[name] for name in ("name", "owner_id", "team", "industry")} | {"industry": "Retail"}
    changed = await house.ok("stranger", "PATCH", path, sent, if_match='"1"')
    assert (changed["industry"], changed["version"]) == ("Retail", 2)


async def test_whoever_reads_for_a_role_edits_what_is_theirs(house: House) -> None:
    chief = await house.hire("chief", "executive")
    theirs, other = await house.open("admin", owner_id=chief), await house.open("seller")
    await house.ok("chief", "PATCH", theirs, {"name": "mine"}, if_match="*")
    assert (await house.call("chief", "GET", other)).status_code == 200
    assert_problem(
        await house.call("chief", "PATCH", other, {"name": "x"}, if_match="*"), 403, "not_yours_to_edit"
    )


async def test_a_manager_above_of_a_reading_role_hands_over_but_does_not_edit(house: House) -> None:
    head = await house.hire("head", "marketing")
    boss = f"/v1/members/{house.id_of('boss')}"
    await house.ok("admin", "PATCH", boss, {"manager_id": head}, if_match="*")
    path = await house.open("seller")
    change: dict[str, Any] = {"owner_id": house.id_of("boss")}
    answer = await house.call("head", "PATCH", path, change | {"name": "x"}, if_match="*")
    assert_problem(answer, 403, "not_yours_to_edit")
    await house.ok("head", "PATCH", path, change, if_match="*")


# Teams


async def test_a_team_is_of_active_members_each_named_once(house: House) -> None:
    seller, boss, nobody = house.id_of("seller"), house.id_of("boss"), str(uuid4())
    team = [{"member_id": id, "function": "SALES"} for id in (boss, nobody, seller, boss)]
    for answer in (
        await house.call("seller", "POST", "/v1/accounts", {"name": "Acme", "team": team}),
        await house.call("seller", "PATCH", await house.open("seller"), {"team": team}, if_match="*"),
    ):
        problem = assert_problem(answer, 422, "invalid")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [
            ("team.1.member_id", "unknown"), ("team.3.member_id", "duplicate"),
        ]  # fmt: skip


async def test_a_team_of_another_shape_is_refused(house: House) -> None:
    cases: list[tuple[Any, str]] = [
        (None, "team"), ({}, "team"), ([None], "team.0"), ([{}], "team.0.member_id"),
        ([{"member_id": "x", "function": "SALES"}], "team.0.member_id"),
        ([{"member_id": NOBODY, "function": "BOSS"}], "team.0.function"),
        ([{"member_id": NOBODY, "function": "SALES", "since": 1}], "team.0.since"),
        ([{"member_id": NOBODY, "function": "SALES"}] * 101, "team"),
    ]  # fmt: skip
    for team, field in cases:
        answer = await house.call("seller", "POST", "/v1/accounts", {"name": "Acme", "team": team})
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field


async def test_the_team_sees_and_those_above_it_do(house: House) -> None:
    path = await house.open("stranger")
    assert (await house.call("boss", "GET", path)).status_code == 404
    team = [{"member_id": house.id_of("seller"), "function": "SERVICE"}]
    await house.ok("stranger", "PATCH", path, {"team": team}, if_match="*")
    for who in ("seller", "boss"):
        assert (await house.call(who, "GET", path)).status_code == 200
    await house.ok("stranger", "PATCH", path, {"team": []}, if_match="*")
    for who in ("seller", "boss"):
        assert (await house.call(who, "GET", path)).status_code == 404


# Parents


async def test_a_parent_is_an_account_that_one_sees(house: House) -> None:
    hidden = (await house.open("stranger")).rpartition("/")[2]
    path = await house.open("seller")
    for parent in (hidden, str(uuid4())):
        for answer in (
            await house.call("seller", "POST", "/v1/accounts", {"name": "x", "parent_account_id": parent}),
            await house.call("seller", "PATCH", path, {"parent_account_id": parent}, if_match="*"),
        ):
            problem = assert_problem(answer, 422, "invalid")
            assert [(e["field"], e["code"]) for e in problem["errors"]] == [("parent_account_id", "unknown")]


async def test_parents_form_no_circle(house: House) -> None:
    paths = [await house.open("seller", name=f"a{n}") for n in range(3)]
    ids = [path.rpartition("/")[2] for path in paths]
    for child, parent in ((0, 1), (1, 2)):
        await house.ok("seller", "PATCH", paths[child], {"parent_account_id": ids[parent]}, if_match="*")
    for child, parent in ((2, 0), (1, 0), (2, 2)):
        answer = await house.call(
            "seller", "PATCH", paths[child], {"parent_account_id": ids[parent]}, if_match="*"
        )
        assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "cycle"
    await house.ok("seller", "PATCH", paths[1], {"parent_account_id": None}, if_match="*")
    await house.ok("seller", "PATCH", paths[2], {"parent_account_id": ids[0]}, if_match="*")


async def test_no_circle_closes_under_many_hands(house: House) -> None:
    paths = [await house.open("seller", name=f"a{n}") for n in range(5)]
    ids = [path.rpartition("/")[2] for path in paths]
    answers = await asyncio.gather(
        *(
            house.call("seller", "PATCH", paths[n], {"parent_account_id": ids[(n + 1) % 5]}, if_match="*")
            for n in range(5)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 422]


async def test_of_an_account_that_one_does_not_see_nothing_is_told(house: House) -> None:
    hidden, seen = await house.open("stranger"), await house.open("seller")
    below = hidden.rpartition("/")[2]
    await house.ok("admin", "PATCH", seen, {"parent_account_id": below}, if_match="*")
    for change in ({"name": "x"}, {"parent_account_id": seen.rpartition("/")[2]}, {"owner_id": None}, {}):
        assert_problem(await house.call("seller", "PATCH", hidden, change, if_match="*"), 404, "not_found")
        nowhere = f"/v1/accounts/{uuid4()}"
        assert_problem(await house.call("seller", "PATCH", nowhere, change, if_match="*"), 404, "not_found")
    for path in (hidden, f"{hidden}/view"):
        assert_problem(await house.call("seller", "GET", path), 404, "not_found")


# Patches


async def test_a_patch_changes_what_it_names(house: House) -> None:
    path = await house.open("seller", industry="Retail", employees=5, external_ids={"crm": "1", "erp": "2"})
    change = {"employees": None, "region": "EMEA", "external_ids": {"crm": None, "shop": "3"}}
    answer = await house.call("seller", "PATCH", path, change, if_match='"1"')
    after = answer.json()
    assert (after["industry"], after["employees"], after["region"]) == ("Retail", None, "EMEA")
    assert after["external_ids"] == {"erp": "2", "shop": "3"}
    assert (after["version"], answer.headers["etag"]) == (2, '"2"')
    [row] = await house.rows("SELECT changed FROM journal WHERE version = 2")
    assert set(row["changed"]) == {"employees", "region", "external_ids"}
    same = await house.call("seller", "PATCH", path, change, if_match='"2"')
    assert (same.status_code, same.json()) == (200, after)
    assert (await house.ok("seller", "PATCH", path, {}, if_match="*"))["version"] == 2


async def test_what_an_account_always_has_is_not_taken_away(house: House) -> None:
    for field in ["name", "account_kind", "currency", "team", "external_ids"]:
        path = await house.open("seller")
        answer = await house.call("seller", "PATCH", path, {field: None}, if_match="*")
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field


async def test_bad_values_are_refused_by_name(house: House) -> None:
    cases: list[tuple[str, Any]] = [
        ("name", ""), ("name", "x" * 201), ("name", "a\x00b"), ("account_kind", "project"), ("employees", -1),
        ("employees", 2**31), ("employees", 1.5), ("annual_revenue", 2**53), ("annual_revenue", "1"),
        ("currency", "usd"),
        ("currency", "EURO"), ("founded_year", 0), ("founded_year", 10000), ("website", "acme.example"),
        ("website", "javascript:alert(1)"), ("parent_account_id", "x"), ("owner_id", 1), ("target_type", "NEW"),
        ("external_ids", {"crm": ""}), ("external_ids", {"": "1"}), ("external_ids", {"crm": "x" * 201}),
        ("external_ids", {f"s{n}": "1" for n in range(21)}), ("id", NOBODY), ("version", 7), ("created_at", "x"),
        ("deal_team_ids", []),
    ]  # fmt: skip
    for field, value in cases:
        answer = await house.call("seller", "POST", "/v1/accounts", {"name": "Acme"} | {field: value})
        problem = assert_problem(answer, 422, "invalid")
        assert problem["errors"][0]["field"].split(".")[0] == field
        assert await house.rows("SELECT id FROM account") == []


async def test_an_external_id_is_one_accounts(house: House) -> None:
    path = await house.open("seller", external_ids={"crm": "1"})
    other = await house.open("seller", external_ids={"crm": "2"})
    answer = await house.call("seller", "POST", "/v1/accounts", {"name": "x", "external_ids": {"crm": "1"}})
    assert_problem(answer, 409, "taken")
    answer = await house.call("seller", "PATCH", other, {"external_ids": {"crm": "1"}}, if_match="*")
    assert_problem(answer, 409, "taken")
    await house.ok("seller", "PATCH", path, {"external_ids": {"crm": None}}, if_match="*")
    await house.ok("seller", "PATCH", other, {"external_ids": {"crm": "1"}}, if_match="*")


# Lookups


async def test_a_lookup_finds_what_the_caller_sees(house: House) -> None:
    mine = await house.open("seller", external_ids={"crm": "1"})
    hidden = await house.open("stranger", external_ids={"crm": "2"})
    ids = [path.rpartition("/")[2] for path in (mine, hidden)]
    keys = [{"source": "crm", "id": id} for id in ("1", "2", "3")]
    shown = await house.ok("seller", "GET", mine)
    for body in ({"ids": [*ids, str(uuid4())]}, {"external_ids": keys}, {"ids": ids, "external_ids": keys}):
        found = await house.ok("seller", "POST", "/v1/accounts/lookup", body)
        assert found == {"items": [shown]}
    all_ = await house.ok("admin", "POST", "/v1/accounts/lookup", {"ids": ids})
    assert {item["id"] for item in all_["items"]} == set(ids)
    assert await house.ok("seller", "POST", "/v1/accounts/lookup", {}) == {"items": []}
    many = {"ids": [str(uuid4()) for _ in range(501)]}
    assert_problem(await house.call("seller", "POST", "/v1/accounts/lookup", many), 422, "invalid")


async def test_a_text_too_large_to_be_sorted_by_is_refused_and_not_for_now(house: House) -> None:
    """Characters of four bytes in an order that no compression shortens."""
    text = Random(7)  # noqa: S311 - a text, no secret
    name, industry = ("".join(chr(text.randrange(0x20000, 0x2A6D0)) for _ in range(n)) for n in (200, 500))
    answer = await house.call("seller", "POST", "/v1/accounts", {"name": name, "industry": industry})
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "too_large"
    assert (await house.call("seller", "POST", "/v1/accounts", {"name": name})).status_code == 201
