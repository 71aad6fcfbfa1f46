"""What is purged, and what goes on naming it."""

from services.activities.main import SERVICE
from tests.problems import assert_problem
from tests.services.activities.conftest import House
from tests.services.aging import aged, purged


async def test_an_activity_is_purged_though_hours_were_spent_on_it(house: House) -> None:
    visit = (await house.call("seller", "POST", "/v1/activities", house.visit())).json()["id"]
    told = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90, "activity_id": visit}
    log = (await house.call("seller", "POST", "/v1/time-logs", told)).json()
    path = f"/v1/activities/{visit}"
    assert (await house.call("seller", "DELETE", path, if_match="*")).status_code == 200
    await aged(house.url, SERVICE)
    assert await purged(house.url, SERVICE) == 1
    assert_problem(await house.call("seller", "POST", f"{path}/restoration"), 404, "not_found")
    kept = await house.call("seller", "PATCH", f"/v1/time-logs/{log['id']}", {"minutes": 60}, if_match="*")
    assert (kept.status_code, kept.json()["activity_id"], kept.json()["minutes"]) == (200, visit, 60)
