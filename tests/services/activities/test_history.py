"""What became of activities and time logs, and how they stood, over HTTP."""

from typing import Any

from tests.problems import assert_problem
from tests.services.activities.conftest import House
from tests.services.histories import told


async def ok(house: House, path: str, who: str = "seller") -> Any:
    answer = await house.call(who, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_activitys_past_says_who_joined_and_when_it_was_done(house: House) -> None:
    boss, teammate = house.members["boss"], house.members["teammate"]
    seats = [{"member_id": boss, "function": "SALES"}]
    one, other = house.people
    born = await house.make("seller", opportunity_id=house.deal, our_attendees=seats, contact_ids=[one])
    path = f"/v1/activities/{born['id']}"
    became = [{"member_id": boss, "function": "EXECUTIVE"}, {"member_id": teammate, "function": "RND"}]
    body: dict[str, Any] = {"our_attendees": became, "contact_ids": [one, other]}
    done = {"status": "DONE", "started_at": "2026-03-01T09:00:00Z"}
    for each in (body, done):
        answer = await house.call("seller", "PATCH", path, each, if_match="*")
        assert answer.status_code == 200, answer.text
    page = await ok(house, f"{path}/history")
    completed, joined, planned = page["items"]
    assert [each["event"] for each in page["items"]] == ["completed", "updated", "planned"]
    assert told(joined)["our_attendees"] == {
        "from": seats,
        "to": became,
        "added": [became[1]],
        "removed": [],
        "changed": [{"from": seats[0], "to": became[0]}],
    }
    assert told(joined)["contact_ids"]["added"] == [other]
    # When it starts follows from two other fields.
    assert set(told(completed)) == {"status", "started_at"}
    assert told(completed)["started_at"] == {"from": None, "to": "2026-03-01T09:00:00.000000Z"}
    assert "starts_at" not in told(planned)
    assert set(page["names"].values()) == {
        "李雷",
        "韩梅梅",
        "变电站改造",
        "云山电网",
        "Boss",
        "Teammate",
        "Seller",
    }
    assert await ok(house, f"{path}?as_of={planned['recorded_at']}") == born
    for more in ("/history", f"?as_of={planned['recorded_at']}"):
        assert_problem(await house.call("stranger", "GET", path + more), 404, "not_found")


async def test_a_time_logs_past_is_its_members_and_those_aboves(house: House) -> None:
    log = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90, "account_id": house.account}
    answer = await house.call("seller", "POST", "/v1/time-logs", log)
    path = answer.headers["location"]
    await house.call("seller", "PATCH", path, {"minutes": 60, "note": "Stau"}, if_match="*")
    page = await ok(house, f"{path}/history")
    shortened, recorded = page["items"]
    assert told(shortened) == {"minutes": {"from": 90, "to": 60}, "note": {"from": None, "to": "Stau"}}
    assert (recorded["event"], told(recorded)["minutes"]) == ("recorded", {"from": None, "to": 90})
    assert set(page["names"].values()) == {"Seller", "云山电网"}
    assert await ok(house, f"{path}?as_of={recorded['recorded_at']}") == answer.json()
    for who, status in {
        "boss": 200,
        "teammate": 404,
        "stranger": 404,
        "admin": 404,
        "executive": 404,
    }.items():
        for more in ("/history", f"?as_of={recorded['recorded_at']}"):
            assert (await house.call(who, "GET", path + more)).status_code == status, (who, more)
