"""Deletes and restorations of activities and time logs, and what hangs on an account that is deleted elsewhere."""

from typing import Any

from tests.problems import assert_problem
from tests.services.activities.conftest import House

LOG: dict[str, Any] = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90}


async def ok(house: House, who: str, method: str, path: str, **headers: str) -> Any:
    answer = await house.call(who, method, path, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def logged(house: House, **values: Any) -> str:
    """A time log of the seller's; gives its path."""
    answer = await house.call("seller", "POST", "/v1/time-logs", LOG | values)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def test_minutes_stay_when_their_activity_is_deleted(house: House) -> None:
    path = f"/v1/activities/{(await house.make('seller'))['id']}"
    log = await logged(house, activity_id=path[-36:])
    assert_problem(await house.call("teammate", "DELETE", path, if_match="*"), 403, "not_yours_to_edit")
    assert_problem(await house.call("stranger", "DELETE", path, if_match="*"), 404, "not_found")
    told = await ok(house, "seller", "DELETE", path, if_match="*")
    assert [each["meaning"] for each in told["dependants"]] == ["STAY"]
    assert_problem(await house.call("admin", "GET", path), 404, "not_found")
    assert (await ok(house, "admin", "GET", "/v1/activities?count=true"))["total"] == 0
    assert (await ok(house, "seller", "GET", log))["activity_id"] == path[-36:]
    await ok(house, "seller", "POST", f"{path}/restoration")
    await ok(house, "seller", "GET", path)


async def test_what_is_still_to_come_is_not_restored_to_a_deleted_owner(house: House) -> None:
    done = f"/v1/activities/{(await house.make('seller', status='DONE'))['id']}"
    planned = f"/v1/activities/{(await house.make('seller'))['id']}"
    for path in (done, planned):
        await ok(house, "seller", "DELETE", path, if_match="*")
    gone: dict[str, Any] = {
        "id": house.members["seller"], "name": "Seller", "email": "seller@example.com", "function": "SALES",
        "active": True, "manager_id": house.members["boss"], "external_ids": {},
    }  # fmt: skip
    await house.hear("member", "deleted", 2, **gone)
    assert_problem(await house.call("admin", "POST", f"{planned}/restoration"), 409, "owner_deleted")
    await ok(house, "admin", "POST", f"{done}/restoration")
    await house.hear("member", "restored", 3, **gone)
    await ok(house, "admin", "POST", f"{planned}/restoration")


async def test_a_time_log_is_deleted_by_its_member_and_the_managers_above(house: House) -> None:
    log = await logged(house)
    for who in ("admin", "stranger", "teammate"):
        assert_problem(await house.call(who, "DELETE", log, if_match="*"), 404, "not_found")
    for who in ("seller", "boss"):
        await ok(house, who, "DELETE", log, if_match="*")
        assert (await ok(house, who, "GET", "/v1/time-logs"))["items"] == []
        assert_problem(await house.call("stranger", "POST", f"{log}/restoration"), 404, "not_found")
        await ok(house, who, "POST", f"{log}/restoration")


async def test_what_hangs_on_a_deleted_account_is_hidden_until_it_is_back(house: House) -> None:
    path = f"/v1/activities/{(await house.make('seller'))['id']}"
    free = (await house.make("seller", account_id=None))["id"]
    log = await logged(house, activity_id=path[-36:])
    told: dict[str, Any] = {
        "name": "云山电网", "owner_id": house.members["seller"], "team": [], "external_ids": {},
    }  # fmt: skip
    await house.hear("account", "deleted", 2, id=house.account, **told)
    for who in ("seller", "admin", "executive"):
        assert_problem(await house.call(who, "GET", path), 404, "not_found")
        for query in (
            "?count=true",
            "?count=true&sort=created_at",
            f"?count=true&owner_id={house.members['seller']}",
        ):
            listed = await ok(house, who, "GET", f"/v1/activities{query}")
            assert [each["id"] for each in listed["items"]] == [free]
            assert listed["total"] == 1
    assert_problem(await house.call("admin", "PATCH", path, {"subject": "x"}, if_match="*"), 404, "not_found")
    at_deal = await house.call(
        "seller", "POST", "/v1/activities", house.visit(account_id=None, opportunity_id=house.deal)
    )
    assert assert_problem(at_deal, 422, "invalid")["errors"][0]["field"] == "opportunity_id"
    await ok(house, "seller", "GET", log)
    await house.hear("account", "restored", 3, id=house.account, **told)
    await ok(house, "seller", "GET", path)


async def test_what_is_held_about_a_person_is_for_the_account_team(house: House) -> None:
    person = house.people[0]
    made = await house.make("seller", contact_ids=[person], outcome="李雷很满意", next_step="call")
    path = f"/v1/contacts/{person}/personal-data"
    for who in ("seller", "boss", "teammate", "admin"):
        held = await ok(house, who, "GET", path)
        assert (held["known_to_activities"]["name"], held["activity_ids"]) == ("李雷", [made["id"]])
        assert held["mentions_in_activities"] == [
            {"noun": "activities", "id": made["id"], "field": "outcome", "past": False}
        ]
    for who in ("stranger", "executive", "reporting"):
        assert_problem(await house.call(who, "GET", path), 404, "not_found")


async def test_however_many_see_an_account_its_deletion_is_told_in_parts(house: House) -> None:
    await house.session.execute(
        "INSERT INTO account_view (account_id, viewer_id) SELECT %s, uuidv7() FROM generate_series(1, 7000)",
        [house.account],
    )
    [[before]] = await house.rows("SELECT max(id) FROM journal")
    told: dict[str, Any] = {"name": "云山电网", "owner_id": None, "team": [], "external_ids": {}}
    await house.hear("account", "deleted", 2, id=house.account, **told)
    parts = await house.rows(
        "SELECT jsonb_array_length(state -> 'viewers'), state ? 'by_role' FROM journal"
        f" WHERE id > {before} AND type = 'sight.changed'"
    )
    assert max(count for count, _ in parts) == 5000
    assert sum(by_role for _, by_role in parts) == 1
    assert sum(count for count, _ in parts) >= 7000
