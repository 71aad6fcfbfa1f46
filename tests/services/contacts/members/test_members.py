"""Members over HTTP, on a real database."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.problems import assert_problem
from tests.services.contacts.conftest import House


async def test_members_are_seen_by_all_and_changed_by_administrators(house: House) -> None:
    path = f"/v1/members/{house.id_of('seller')}"
    for who in ("seller", "boss", "stranger", "executive", "admin"):
        assert (await house.ok(who, "GET", path))["name"] == "Seller"
        assert (await house.ok(who, "GET", "/v1/members?count=true"))["total"] == 3
    for who in ("seller", "boss", "executive", "marketing", "reporting"):
        body = {"email": "new@example.com", "name": "New"}
        assert_problem(await house.call(who, "POST", "/v1/members", body), 403, "admin_only")
        assert_problem(await house.call(who, "PATCH", path, {"name": "x"}, if_match="*"), 403, "admin_only")
    assert (await house.ok("admin", "PATCH", path, {"name": "Renamed"}, if_match='"1"'))["version"] == 2
    assert await house.entries(house.id_of("seller")) == [("member.created", 1), ("member.updated", 2)]


async def test_a_member_is_shown_with_all_that_they_have(house: House) -> None:
    body: dict[str, Any] = {
        "email": " New.One@Example.COM ", "name": "李雷", "function": "RND", "manager_id": house.id_of("boss"),
        "active": False, "external_ids": {"hr": "17"},
    }  # fmt: skip
    made = await house.ok("admin", "POST", "/v1/members", body)
    assert {name: made[name] for name in body} == body | {"email": "new.one@example.com"}
    assert made == await house.ok("seller", "GET", f"/v1/members/{made['id']}")


async def test_a_mail_address_is_one_members_in_whatever_case(house: House) -> None:
    for email in ("seller@example.com", "SELLER@Example.com"):
        answer = await house.call("admin", "POST", "/v1/members", {"email": email, "name": "Other"})
        assert "email" in assert_problem(answer, 409, "taken")["detail"]
        path = f"/v1/members/{house.id_of('boss')}"
        assert_problem(await house.call("admin", "PATCH", path, {"email": email}, if_match="*"), 409, "taken")
    found = await house.ok("boss", "GET", "/v1/members?email=Seller@EXAMPLE.com")
    assert [item["id"] for item in found["items"]] == [house.id_of("seller")]


async def test_a_member_is_bound_to_one_identity_by_an_administrator(house: House) -> None:
    seller, boss = (f"/v1/members/{house.id_of(name)}" for name in ("seller", "boss"))
    body = {"subject": "auth0|5f3a"}
    assert_problem(await house.call("seller", "PATCH", seller, body, if_match="*"), 403, "admin_only")
    assert (await house.ok("admin", "PATCH", seller, body, if_match="*"))["subject"] == "auth0|5f3a"
    answer = await house.call("admin", "PATCH", boss, body, if_match="*")
    assert "subject" in assert_problem(answer, 409, "taken")["detail"]
    await house.ok("admin", "PATCH", seller, {"subject": None}, if_match="*")
    await house.ok("admin", "PATCH", boss, body, if_match="*")


async def test_bad_values_are_refused_by_name(house: House) -> None:
    for field, value in [
        ("email", "x"), ("email", "a@b"), ("email", "a b@c.de"), ("email", "a@b.c, d@e.f"),
        ("email", "x" * 250 + "@b.cd"),
        ("subject", ""), ("subject", "x" * 256), ("subject", "a\x00b"), ("subject", "ünï"), ("subject", 7),
        ("email", None), ("name", ""), ("name", 5), ("function", "CEO"), ("manager_id", "x"), ("active", 1),
        ("active", "true"), ("active", None), ("external_ids", None), ("role", "admin"),
    ]:  # fmt: skip
        body = {"email": "new@example.com", "name": "New"} | {field: value}
        answer = await house.call("admin", "POST", "/v1/members", body)
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field
        path = f"/v1/members/{house.id_of('seller')}"
        answer = await house.call("admin", "PATCH", path, {field: value}, if_match="*")
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field


async def test_a_manager_is_a_member(house: House) -> None:
    nobody = str(uuid4())
    for answer in (
        await house.call(
            "admin", "POST", "/v1/members", {"email": "a@b.cd", "name": "A", "manager_id": nobody}
        ),
        await house.call(
            "admin", "PATCH", f"/v1/members/{house.id_of('seller')}", {"manager_id": nobody}, if_match="*"
        ),
    ):
        problem = assert_problem(answer, 422, "invalid")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [("manager_id", "unknown")]


async def test_the_reporting_line_forms_no_circle(house: House) -> None:
    seller, boss = house.id_of("seller"), house.id_of("boss")
    for id, manager in ((boss, seller), (boss, boss), (seller, seller)):
        answer = await house.call(
            "admin", "PATCH", f"/v1/members/{id}", {"manager_id": manager}, if_match="*"
        )
        problem = assert_problem(answer, 422, "invalid")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [("manager_id", "cycle")]
    await house.ok("admin", "PATCH", f"/v1/members/{seller}", {"manager_id": None}, if_match="*")
    await house.ok("admin", "PATCH", f"/v1/members/{boss}", {"manager_id": seller}, if_match="*")


async def test_no_circle_closes_under_many_hands(house: House) -> None:
    ids = [await house.hire(f"m{n}") for n in range(6)]
    answers = await asyncio.gather(
        *(
            house.call(
                "admin", "PATCH", f"/v1/members/{ids[n]}", {"manager_id": ids[(n + 1) % 6]}, if_match="*"
            )
            for n in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [422]


async def test_hands_that_set_and_clear_managers_do_not_stand_in_each_others_way(house: House) -> None:
    ids = [await house.hire(f"m{n}") for n in range(4)]
    for turn in range(3):
        managers = [None, *ids[:3]] if turn % 2 else [None] * 4
        answers = await asyncio.gather(
            *(
                house.call("admin", "PATCH", f"/v1/members/{id}", {"manager_id": manager}, if_match="*")
                for id, manager in zip(ids, managers, strict=True)
                for _ in range(2)
            )
        )
        assert {answer.status_code for answer in answers} == {200}


async def test_sight_follows_the_reporting_line(house: House) -> None:
    path = await house.open("seller")
    seller = f"/v1/members/{house.id_of('seller')}"
    await house.ok("admin", "PATCH", seller, {"manager_id": house.id_of("stranger")}, if_match="*")
    assert (await house.call("stranger", "GET", path)).status_code == 200
    assert (await house.call("boss", "GET", path)).status_code == 404
    await house.ok("admin", "PATCH", seller, {"manager_id": None}, if_match="*")
    assert (await house.call("stranger", "GET", path)).status_code == 404


async def test_one_learns_who_one_is(house: House) -> None:
    me = await house.ok("seller", "GET", "/v1/me")
    assert me["member"] == await house.ok("seller", "GET", f"/v1/members/{house.id_of('seller')}")
    assert {name: me[name] for name in ("subject", "email", "roles", "member_id")} == {
        "subject": "seller", "email": "seller@example.com", "roles": ["rep"], "member_id": house.id_of("seller"),
    }  # fmt: skip
    assert await house.ok("admin", "GET", "/v1/me") == {
        "subject": "admin", "email": "admin@example.com", "roles": ["admin"], "member_id": None, "member": None,
    }  # fmt: skip
    house.callers.add("guest", "rep")
    assert_problem(await house.call("guest", "GET", "/v1/me"), 403, "not_a_member")
    assert_problem(await house.call("nobody", "GET", "/v1/me"), 401, "token_missing")


async def test_a_lookup_finds_members_by_id_and_by_external_id(house: House) -> None:
    seller = f"/v1/members/{house.id_of('seller')}"
    shown = await house.ok("admin", "PATCH", seller, {"external_ids": {"hr": "1"}}, if_match="*")
    for body in ({"ids": [house.id_of("seller")]}, {"external_ids": [{"source": "hr", "id": "1"}]}):
        assert await house.ok("stranger", "POST", "/v1/members/lookup", body) == {"items": [shown]}


async def test_members_are_filtered_by_what_they_do_and_whom_they_report_to(house: House) -> None:
    for query, names in {
        f"manager_id={house.id_of('boss')}": ["Seller"],
        "manager_id[null]=true": ["Boss", "Stranger"],
        "function=SALES&sort=-name": ["Stranger", "Seller", "Boss"],
        "active=false": [],
        "name[prefix]=s": ["Seller", "Stranger"],
    }.items():
        found = await house.ok("seller", "GET", f"/v1/members?{query}")
        assert [item["name"] for item in found["items"]] == names, query
