"""What became of deals, of people on their maps and of products, and how they stood, over HTTP."""

from typing import Any

import pytest

from tests.problems import assert_problem
from tests.services.histories import told
from tests.services.opportunities.conftest import PEOPLE, SELLERS, House, person


async def ok(house: House, path: str, who: str = "seller") -> Any:
    answer = await house.call(who, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_deals_past_tells_moves_and_changes_alike(house: House) -> None:
    product = await house.sell("GTX")
    born = await house.deal(amount=100, product_id=product)
    path = f"/v1/opportunities/{born['id']}"
    await house.call(
        "seller", "PATCH", path, {"amount": 2**53 - 1, "owner_id": SELLERS["teammate"]}, if_match="*"
    )
    await house.move("boss", born["id"], "ENGAGEMENT")
    page = await ok(house, f"{path}/history")
    moved, changed, opened = page["items"]
    assert [each["event"] for each in page["items"]] == ["stage_changed", "updated", "created"]
    assert told(moved)["stage"] == {"from": "TARGETING", "to": "ENGAGEMENT"}
    assert "moves" not in told(moved)
    assert told(changed) == {
        "owner_id": {"from": SELLERS["seller"], "to": SELLERS["teammate"]},
        "amount": {"from": 100, "to": 2**53 - 1},
    }
    assert (moved["actor_name"], changed["actor_name"]) == ("Boss", "Seller")
    assert page["names"] == {
        SELLERS["boss"]: "Boss",
        SELLERS["seller"]: "Seller",
        SELLERS["teammate"]: "Teammate",
        house.account: "云山电网",
        product: "GTX",
    }
    assert await ok(house, f"{path}?as_of={opened['recorded_at']}") == born
    then = await ok(house, f"{path}?as_of={changed['recorded_at']}")
    assert (then["stage"], then["version"], "moves" in then) == ("TARGETING", 2, False)
    for more in ("/history", f"?as_of={opened['recorded_at']}"):
        assert_problem(await house.call("stranger", "GET", path + more), 404, "not_found")


async def test_the_many_versions_of_a_standing_are_not_the_deals(house: House) -> None:
    deal = (await house.deal())["id"]
    for stance in ("SUPPORTER", "ENEMY", "FRIEND"):
        await house.draw(deal, person(house.people[0], "DECISION_MAKER", stance))
    page = await ok(house, f"/v1/opportunities/{deal}/history")
    assert [(each["version"], each["event"]) for each in page["items"]] == [(1, "created")]


@pytest.fixture
async def stance(house: House) -> str:
    """The path of a person who has been put on a map, won over, taken off and put back on."""
    deal, contact = (await house.deal())["id"], house.people[0]
    path = f"/v1/opportunities/{deal}/stakeholders/{contact}"
    user = {"roles": ["USER"], "influence": "H"}
    await house.call("seller", "PUT", path, user | {"stance_note": "wary"})
    friend = {"roles": ["DECISION_MAKER", "USER"], "stance": "FRIEND"}
    await house.call("seller", "PUT", path, user | friend, if_match="*")
    await house.call("seller", "DELETE", path, if_match="*")
    assert (await house.call("seller", "PUT", path, user)).status_code == 201
    return path


async def test_where_a_person_stood_is_told_from_being_mapped_to_now(house: House, stance: str) -> None:
    page = await ok(house, f"{stance}/history")
    again, gone, won, mapped = page["items"]
    events = [each["event"] for each in page["items"]]
    assert events == ["mapped", "deleted", "stance_changed", "mapped"]
    assert told(mapped)["stance_note"] == {"from": None, "to": "wary"}
    roles = told(won)["roles"]
    assert (sorted(roles["added"]), roles["removed"]) == (["DECISION_MAKER"], [])
    assert told(won)["stance"] == {"from": "UNKNOWN", "to": "FRIEND"}
    assert gone["changes"] == []
    assert told(again)["stance"] == {"from": "FRIEND", "to": "UNKNOWN"}
    assert {"李雷", "变电站改造", "Seller"} == set(page["names"].values())
    assert page["names"][PEOPLE["李雷"]] == "李雷"
    for each, found in ((mapped, "UNKNOWN"), (won, "FRIEND"), (again, "UNKNOWN")):
        assert (await ok(house, f"{stance}?as_of={each['recorded_at']}"))["stance"] == found
    answer = await house.call("seller", "GET", f"{stance}?as_of={gone['recorded_at']}")
    assert_problem(answer, 404, "not_there_then")


async def test_stances_of_the_past_are_as_hidden_as_those_of_today(house: House, stance: str) -> None:
    moment = (await ok(house, f"{stance}/history"))["items"][0]["recorded_at"]
    for who, status in {
        "seller": 200, "teammate": 200, "boss": 200, "admin": 200, "executive": 404, "marketing": 404,
        "reporting": 404, "stranger": 404,
    }.items():  # fmt: skip
        for more in ("/history", f"?as_of={moment}"):
            assert (await house.call(who, "GET", stance + more)).status_code == status, (who, more)


async def test_a_person_who_is_off_the_map_now_has_no_past(house: House, stance: str) -> None:
    moment = (await ok(house, f"{stance}/history"))["items"][0]["recorded_at"]
    await house.call("seller", "DELETE", stance, if_match="*")
    for more in ("/history", f"?as_of={moment}"):
        assert_problem(await house.call("seller", "GET", stance + more), 404, "not_found")


async def test_a_map_drawn_anew_tells_of_each_person_by_itself(house: House) -> None:
    deal, (one, other, *_) = (await house.deal())["id"], house.people
    await house.draw(deal, person(one, "USER", "NEUTRAL"), person(other, "USER", "NEUTRAL"))
    await house.draw(deal, person(one, "USER", "FRIEND"), person(other, "USER", "NEUTRAL"))
    path = f"/v1/opportunities/{deal}/stakeholders"
    [won, _] = (await ok(house, f"{path}/{one}/history"))["items"]
    assert (won["event"], list(told(won))) == ("stance_changed", ["stance"])
    assert len((await ok(house, f"{path}/{other}/history"))["items"]) == 1


async def test_what_was_imported_says_so(house: House) -> None:
    product = await house.sell("GTX")
    await house.rows("UPDATE journal SET imported = true RETURNING 1")
    path = f"/v1/products/{product}"
    [made] = (await ok(house, f"{path}/history", "stranger"))["items"]
    assert (made["imported"], made["actor"], made["actor_name"]) == (True, "sub:test", None)
    assert told(made)["list_price"] == {"from": None, "to": 5500}
    assert await ok(house, f"{path}?as_of={made['recorded_at']}") == await ok(house, path)
