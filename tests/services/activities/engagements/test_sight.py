"""Who sees which activities: whoever sees the account, the owner, and the managers above."""

from typing import Any

import pytest

from tests.services.activities.conftest import House

EVERYTHING = ("executive", "marketing", "admin", "reporting")


async def seen_by(house: House, who: str, id: str) -> bool:
    """Whether the caller sees the activity; one row, list, count and lookup must say the same."""
    one = await house.call(who, "GET", f"/v1/activities/{id}")
    page = (await house.call(who, "GET", "/v1/activities?count=true")).json()
    narrow = (await house.call(who, "GET", f"/v1/activities?owner_id={house.members['seller']}")).json()
    found = (await house.call(who, "POST", "/v1/activities/lookup", {"ids": [id]})).json()
    listed = id in [row["id"] for row in page["items"]]
    assert page["total"] == len(page["items"])
    assert {one.status_code == 200, listed, id in [row["id"] for row in found["items"]]} == {listed}
    assert not listed or id in [row["id"] for row in narrow["items"] + page["items"]]
    assert one.status_code == 200 or one.json()["code"] == "not_found"
    return listed


async def test_whoever_sees_the_account_sees_what_is_done_there(house: House) -> None:
    made = await house.make("seller")
    seeing = {who: await seen_by(house, who, made["id"]) for who in (*house.members, *EVERYTHING)}
    assert seeing == dict.fromkeys(EVERYTHING, True) | {
        "seller": True,
        "boss": True,
        "teammate": True,
        "stranger": False,
    }


async def test_what_is_at_no_account_is_its_owners_and_the_managers(house: House) -> None:
    made = await house.make("seller", account_id=None)
    seeing = {who: await seen_by(house, who, made["id"]) for who in (*house.members, *EVERYTHING)}
    assert [who for who, sees in seeing.items() if not sees] == ["teammate", "stranger"]


async def test_the_owner_sees_it_wherever_it_was(house: House) -> None:
    mine, theirs = await house.make("teammate"), await house.make("seller")
    await house.hear(
        "account", "updated", 2, id=house.account, name="云山电网", owner_id=None, team=[], external_ids={}
    )
    assert await seen_by(house, "teammate", mine["id"])
    assert not await seen_by(house, "teammate", theirs["id"])


async def test_a_handed_over_account_shows_its_past(house: House) -> None:
    made = await house.make("seller")
    await house.hear(
        "account", "updated", 2, id=house.account, name="云山电网", owner_id=house.members["stranger"], team=[],
        external_ids={},
    )  # fmt: skip
    assert await seen_by(house, "stranger", made["id"])
    assert not await seen_by(house, "teammate", made["id"])
    assert await seen_by(house, "seller", made["id"]), "it is still the seller's own"


async def test_the_owner_of_an_open_deal_sees_the_account_until_it_closes(house: House) -> None:
    made = await house.make("seller")
    deal: dict[str, Any] = {
        "name": "扩容",
        "account_id": house.account,
        "owner_id": house.members["stranger"],
    }
    id = await house.hear("opportunity", stage="BIDDING", status="OPEN", **deal)
    assert await seen_by(house, "stranger", made["id"])
    await house.hear("opportunity", "closed", 2, id=id, stage="BIDDING", status="LOST", **deal)
    assert not await seen_by(house, "stranger", made["id"])


async def test_a_new_manager_sees_what_people_below_do(house: House) -> None:
    made = await house.make("seller", account_id=None)
    told: dict[str, Any] = {
        "name": "Seller",
        "email": "seller@example.com",
        "function": "SALES",
        "active": True,
    }
    seller, stranger = house.members["seller"], house.members["stranger"]
    await house.hear("member", "updated", 2, id=seller, manager_id=stranger, external_ids={}, **told)
    assert await seen_by(house, "stranger", made["id"])
    assert not await seen_by(house, "boss", made["id"])


async def test_who_is_nobody_here_is_turned_away(house: House) -> None:
    house.callers.add("unknown", "rep")
    answer = await house.call("unknown", "GET", "/v1/activities")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_member")
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert (await house.client.get("/v1/activities", headers=headers)).status_code == 401


@pytest.mark.parametrize("how", ["account_id", "opportunity_id", "type", "status", "two_way", "owner_id"])
async def test_no_filter_shows_more_than_sight(house: House, how: str) -> None:
    made = await house.make("seller", opportunity_id=house.deal)
    text = str(made[how]).lower() if how == "two_way" else made[how]
    query = f"{how}={text}&starts_at[gte]=2000-01-01T00:00:00Z&count=true"
    page = await house.call("stranger", "GET", f"/v1/activities?{query}")
    assert page.json() == {"items": [], "next_cursor": None, "total": 0}
    page = await house.call("boss", "GET", f"/v1/activities?{query}")
    assert page.json()["total"] == 1
