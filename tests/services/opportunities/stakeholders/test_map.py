"""People on the map of a deal, one by one."""

import asyncio
from typing import Any

import pytest

from services.opportunities.stakeholders.schemas import StakeholderRead
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House, contact, person

FRIEND = {"roles": ["DECISION_MAKER"], "influence": "H", "stance": "FRIEND"}


def path_of(deal: str, contact_id: str = "") -> str:
    return f"/v1/opportunities/{deal}/stakeholders" + (f"/{contact_id}" if contact_id else "")


async def test_a_person_is_put_on_the_map_and_the_standing_follows(house: House) -> None:
    deal = (await house.deal())["id"]
    path = path_of(deal, house.people[0])
    told = FRIEND | {
        "roles": ["COACH", "USER"], "degree": 3, "stance_reason": "PERSONAL_TRUST", "stance_note": "老同学",
        "changeable": "NO", "stance_confirmed_at": "2026-03-01T00:00:00Z",
    }  # fmt: skip
    made = await house.call("seller", "PUT", path, told)
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, path, '"1"')
    row = StakeholderRead.model_validate_json(made.content)
    assert (row.roles, row.degree, row.stance_note) == (["USER", "COACH"], 3, "老同学")
    assert (await house.call("seller", "GET", path)).content == made.content
    assert await house.told(str(row.id)) == ["stakeholder.mapped"]
    standing = await house.rows(
        "SELECT version, rating, support FROM opportunity_standing WHERE id = %s", deal
    )
    assert standing == [(2, "CONTESTED", 30)]
    entries = await house.rows("SELECT type, partition_key::text FROM journal ORDER BY id DESC LIMIT 2")
    assert entries == [("opportunity_standing.updated", house.account), ("stakeholder.mapped", house.account)]


async def test_what_is_left_out_is_unset(house: House) -> None:
    deal = (await house.deal())["id"]
    path = path_of(deal, house.people[0])
    await house.call("seller", "PUT", path, FRIEND | {"stance_note": "x", "degree": 3})
    less = await house.call("seller", "PUT", path, FRIEND, if_match='"1"')
    assert (less.status_code, less.json()["stance_note"], less.json()["degree"]) == (200, None, 2)


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        (FRIEND | {"stance": "NEUTRAL"}, "stance_changed"),
        (FRIEND | {"degree": 3}, "stance_changed"),
        (FRIEND | {"influence": "L"}, "updated"),
        (FRIEND | {"stance_note": "x"}, "updated"),
        (FRIEND, None),
        (FRIEND | {"degree": 2, "changeable": None}, None),
    ],
)
async def test_each_change_is_told_by_its_name_and_none_by_none(
    house: House, body: object, fact: str | None
) -> None:
    deal = (await house.deal())["id"]
    path = path_of(deal, house.people[0])
    made = (await house.call("seller", "PUT", path, FRIEND)).json()
    changed = await house.call("seller", "PUT", path, body, if_match='"1"', key="k")
    assert changed.status_code == 200, changed.text
    assert await house.told(made["id"]) == ["stakeholder.mapped", *([f"stakeholder.{fact}"] if fact else [])]
    assert changed.headers["etag"] == ('"2"' if fact else '"1"')
    again = await house.call("seller", "PUT", path, body, if_match='"1"', key="k")
    assert (again.status_code, again.content) == (200, changed.content)
    assert again.headers["idempotency-replayed"] == "true"


async def test_who_is_there_is_changed_only_on_a_version(house: House) -> None:
    deal = (await house.deal())["id"]
    path = path_of(deal, house.people[0])
    assert (await house.call("seller", "PUT", path, FRIEND, if_match='"1"')).status_code == 404
    assert (await house.call("seller", "PUT", path, FRIEND)).status_code == 201
    assert (await house.call("seller", "PUT", path, FRIEND)).status_code == 428
    assert (
        await house.call("seller", "PUT", path, FRIEND | {"degree": 1}, if_match='"1"')
    ).status_code == 200
    late = await house.call("seller", "PUT", path, FRIEND | {"degree": 3}, if_match='"1"')
    assert (late.status_code, late.json()["current"]["degree"], late.headers["etag"]) == (412, 1, '"2"')
    assert (await house.call("seller", "PUT", path, FRIEND, if_match="*")).status_code == 200
    assert (await house.call("seller", "DELETE", path)).status_code == 428
    assert (await house.call("seller", "DELETE", path, if_match='"1"')).status_code == 412
    assert (await house.call("seller", "DELETE", path, if_match='"3"')).status_code == 204


async def test_a_person_taken_off_comes_back_under_the_same_id(house: House) -> None:
    deal = (await house.deal())["id"]
    path = path_of(deal, house.people[0])
    made = (await house.call("seller", "PUT", path, FRIEND)).json()
    gone = await house.call("seller", "DELETE", path, if_match="*", key="k")
    again = await house.call("seller", "DELETE", path, if_match="*", key="k")
    assert (gone.status_code, again.status_code, again.content) == (204, 204, b"")
    assert (await house.call("seller", "GET", path)).status_code == 404
    assert (await house.call("seller", "DELETE", path, if_match="*")).status_code == 404
    assert await house.rows("SELECT rating, score FROM opportunity_standing WHERE id = %s", deal) == [
        ("UNKNOWN", 0)
    ]
    back = await house.call("seller", "PUT", path, FRIEND | {"stance": "NEUTRAL"})
    assert (back.status_code, back.json()["id"], back.json()["version"]) == (201, made["id"], 3)
    assert await house.told(made["id"]) == ["stakeholder.mapped", "stakeholder.deleted", "stakeholder.mapped"]


async def test_only_people_who_are_known_and_seen_come_onto_a_map(house: House) -> None:
    deal = (await house.deal())["id"]
    hidden = await house.meet("外人", await house.open_account("stranger"))
    for unknown in (NOWHERE, hidden):
        answer = await house.call("seller", "PUT", path_of(deal, unknown), FRIEND)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "contact_id")
    told = {n: v for n, v in contact("新人", NOWHERE, house.account).items() if n != "id"}
    fresh = house.contacts.tell("contacts", **told)
    house.contacts.asked.clear()
    assert (await house.call("seller", "PUT", path_of(deal, fresh), FRIEND)).status_code == 201
    assert house.contacts.asked == [("contacts", "Bearer seller", [fresh])]
    assert (await house.call("seller", "PUT", path_of(deal, fresh), FRIEND, if_match="*")).status_code == 200
    assert len(house.contacts.asked) == 1
    house.contacts.status = 503
    assert (await house.call("seller", "PUT", path_of(deal, NOWHERE), FRIEND)).status_code == 503


async def test_the_map_is_listed_with_its_version(house: House) -> None:
    deal = (await house.deal())["id"]
    empty = await house.call("seller", "GET", path_of(deal))
    assert (empty.json(), empty.headers["etag"]) == ({"items": [], "next_cursor": None}, '"0"')
    await house.draw(deal, *(person(each, "USER", "NEUTRAL") for each in house.people))
    first = await house.call("seller", "GET", path_of(deal) + "?limit=3&count=true")
    assert (len(first.json()["items"]), first.json()["total"], first.headers["etag"]) == (3, 4, '"4"')
    rest = await house.call("seller", "GET", path_of(deal) + f"?limit=3&cursor={first.json()['next_cursor']}")
    seen = [row["contact_id"] for row in first.json()["items"] + rest.json()["items"]]
    assert sorted(seen) == sorted(house.people)
    friends = await house.call("seller", "GET", path_of(deal) + "?stance=FRIEND")
    assert friends.json()["items"] == []


@pytest.mark.parametrize("who", ["executive", "marketing", "reporting", "stranger"])
async def test_who_is_not_of_the_team_sees_nobody_on_the_map(house: House, who: str) -> None:
    deal = (await house.deal())["id"]
    await house.draw(deal, person(house.people[0], "DECISION_MAKER", "ENEMY"))
    one = path_of(deal, house.people[0])
    asked: list[tuple[str, str, Any]] = [
        ("GET", path_of(deal), None), ("GET", one, None), ("PUT", one, FRIEND), ("DELETE", one, None),
        ("PUT", path_of(deal), {"items": []}),
    ]  # fmt: skip
    for method, path, body in asked:
        answer = await house.call(who, method, path, body, if_match="*")
        assert answer.status_code == 404, (method, path, answer.text)
    for mate in ("teammate", "boss", "admin"):
        assert (await house.call(mate, "GET", one)).status_code == 200, mate


async def test_an_executive_who_owns_the_deal_draws_its_map(house: House) -> None:
    await house.hire("chief", "executive")
    body = {"name": "x", "owner_id": house.members["chief"]}
    deal = (await house.call("admin", "POST", "/v1/opportunities", body)).json()["id"]
    path = path_of(deal, house.people[0])
    assert (await house.call("chief", "GET", path_of(deal))).status_code == 200
    assert (await house.call("chief", "PUT", path, FRIEND)).status_code in (201, 422)


async def test_many_hands_on_one_map_lose_nothing(house: House) -> None:
    deal = (await house.deal())["id"]
    roles = ["APPROVER", "DECISION_MAKER", "EVALUATOR", "USER"]
    bodies = [FRIEND | {"roles": [role]} for role in roles]
    answers = await asyncio.gather(
        *(
            house.call("seller", "PUT", path_of(deal, one), body)
            for one, body in zip(house.people, bodies, strict=True)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert await house.rows("SELECT rating FROM opportunity_standing WHERE id = %s", deal) == [("IDEAL",)]
    kept = await house.rows("SELECT max(version) FROM opportunity_standing WHERE id = %s", deal)
    told = await house.told(deal)
    assert told.count("opportunity_standing.updated") == kept[0][0] - 1
