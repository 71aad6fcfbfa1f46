"""What a deal's map says, over HTTP."""

from typing import Any

import pytest

from services.opportunities.stakeholders.schemas import RelationshipRead
from tests.services.opportunities.conftest import House
from tests.services.opportunities.stakeholders.maps import SCENARIOS, Scenario


def stated(notation: str) -> dict[str, Any]:
    roles, influence, stance, *degree = notation.split("/")
    told = {"roles": roles.split("+"), "influence": influence, "stance": stance}
    return told | ({"degree": int(degree[0])} if degree else {})


def check(reading: Any, scenario: Scenario) -> None:
    numbers = [reading[name] for name in ("weight_total", "support", "opposition", "balance", "score")]
    assert tuple(numbers) == scenario.numbers
    assert tuple(reading[name] for name in ("foothold", "surface", "network")) == scenario.structure
    assert reading["rating"] == scenario.rating
    assert " ".join(warned["code"] for warned in reading["warnings"]) == scenario.warnings
    assert reading["next_move"]["code"] == scenario.next_move
    assert RelationshipRead.model_validate(reading)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
async def test_a_worked_scenario_reads_the_same_tried_and_drawn(house: House, scenario: Scenario) -> None:
    names = [notation.partition("/")[0] for notation in scenario.people]
    people = [{"id": name} | stated(each) for name, each in zip(names, scenario.people, strict=True)]
    body = {"stage": "ENGAGEMENT", "people": people, "links": scenario.links}
    tried = await house.call("stranger", "POST", "/v1/relationship/evaluate", body)
    assert tried.status_code == 200, tried.text
    check(tried.json(), scenario)

    contacts = dict(zip(names, [*house.people, await house.meet("五")], strict=False))
    for one, other in scenario.links:
        await house.hear(
            "contact_link", from_contact_id=contacts[one], to_contact_id=contacts[other], kind="ALLY"
        )
    deal = (await house.deal())["id"]
    await house.move("seller", deal, "ENGAGEMENT")
    items = [{"contact_id": contacts[n]} | stated(e) for n, e in zip(names, scenario.people, strict=True)]
    await house.draw(deal, *items)
    drawn = (await house.call("seller", "GET", f"/v1/opportunities/{deal}/relationship")).json()
    check(drawn, scenario)
    shown = {name: drawn[name] for name in drawn}
    kept = await house.rows("SELECT to_jsonb(s) FROM opportunity_standing s WHERE id = %s", deal)
    assert {name: kept[0][0][name] for name in shown} == shown


async def test_who_is_not_of_the_team_learns_how_we_stand_but_not_with_whom(house: House) -> None:
    deal = (await house.deal())["id"]
    items = [
        {"contact_id": house.people[0]} | stated("APPROVER/H/ENEMY"),
        {"contact_id": house.people[1]} | stated("USER/M/FRIEND"),
    ]
    await house.draw(deal, *items)
    path = f"/v1/opportunities/{deal}/relationship"
    full = (await house.call("teammate", "GET", path)).json()
    assert full["next_move"] == {"code": "NM3", "contact_ids": []}
    against = next(warned for warned in full["warnings"] if warned["code"] == "R07")
    assert against["contact_ids"] == [house.people[0]]
    for who in ("executive", "marketing", "reporting"):
        told = (await house.call(who, "GET", path)).json()
        assert RelationshipRead.model_validate(told)
        assert house.people[0] not in str(told)
        assert house.people[1] not in str(told)
        assert "APPROVER" not in str(told), "a role often has one holder"
        seen = ("score", "rating", "foothold", "surface", "network", "probability")
        assert [told[name] for name in seen] == [full[name] for name in seen]
        assert told["next_move"]["code"] == full["next_move"]["code"]
    for who in ("admin", "boss", "seller"):
        assert (await house.call(who, "GET", path)).json() == full


async def test_trying_touches_nothing(house: House) -> None:
    house.statements.clear()
    body: dict[str, Any] = {"stage": "TARGETING", "people": []}
    answer = await house.call("seller", "POST", "/v1/relationship/evaluate", body)
    assert (answer.json()["rating"], answer.json()["next_move"]["code"]) == ("UNKNOWN", "NM0")
    assert house.statements == []


ONE = {"id": "a", "roles": ["USER"], "influence": "L"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"people": [ONE, ONE]}, "people"),
        ({"people": [ONE | {"id": "x" * 65}]}, "people.0.id"),
        ({"people": [ONE | {"id": ""}]}, "people.0.id"),
        ({"people": [ONE | {"degree": 4}]}, "people.0.degree"),
        ({"people": [ONE | {"degree": True}]}, "people.0.degree"),
        ({"people": [ONE | {"degree": 2.0}]}, "people.0.degree"),
        ({"people": [ONE | {"roles": ["BOSS"]}]}, "people.0.roles.0"),
        ({"people": [ONE | {"roles": ["USER", "USER"]}]}, "people.0.roles"),
        ({"people": [ONE | {"roles": []}]}, "people.0.roles"),
        ({"people": [ONE | {"stance": "FAN"}]}, "people.0.stance"),
        ({"people": [ONE | {"name": "x"}]}, "people.0.name"),
        ({"people": [ONE | {"id": str(n)} for n in range(501)]}, "people"),
        ({"links": [["a"]]}, "links.0.1"),
        ({"links": [["a", "b", "c"]]}, "links.0"),
        ({"links": "ab"}, "links"),
        ({"stage": "WON"}, "stage"),
        ({"stage": None}, "stage"),
        ({"status": "OPEN"}, "status"),
    ],
)
async def test_a_map_that_cannot_be_is_refused_by_name(
    house: House, change: dict[str, Any], field: str
) -> None:
    body: dict[str, Any] = {"stage": "TARGETING", "people": [ONE]} | change
    answer = await house.call("seller", "POST", "/v1/relationship/evaluate", body)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text


async def test_five_hundred_people_can_be_tried(house: House) -> None:
    people = [ONE | {"id": f"{n:064}", "stance": "FRIEND"} for n in range(500)]
    links = [[f"{n:064}", f"{n + 1:064}"] for n in range(499)]
    body = {"stage": "TARGETING", "people": people, "links": links}
    answer = await house.call("seller", "POST", "/v1/relationship/evaluate", body)
    assert (answer.status_code, answer.json()["weight_total"]) == (200, 1000)
