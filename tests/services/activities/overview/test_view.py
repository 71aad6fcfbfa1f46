"""This service's part of an account's view."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.activities.main import SERVICE
from tests.apis import api_of
from tests.services.activities.conftest import House
from tests.services.elsewhere import NOWHERE


async def view(house: House, who: str = "seller", account: str = "") -> Any:
    return await house.call(who, "GET", f"/v1/accounts/{account or house.account}/view")


async def log(house: House, days_ago: int, category: str, minutes: int, **more: Any) -> None:
    day = (datetime.now(UTC) - timedelta(days=days_ago)).date().isoformat()
    said = {"spent_on": day, "category": category, "minutes": minutes, "account_id": house.account} | more
    answer = await house.call("boss" if "member_id" in more else "seller", "POST", "/v1/time-logs", said)
    assert answer.status_code == 201, answer.text


async def test_an_account_where_nothing_happened_is_empty(house: House) -> None:
    answer = await view(house)
    assert (answer.status_code, answer.json()) == (200, {"activities": [], "minutes": [], "last_touch": None})


async def test_the_last_ten_come_newest_first_whatever_their_status(house: House) -> None:
    made = [
        await house.make("seller", planned_start_at=f"2030-01-{day:02}T08:00:00Z") for day in range(1, 12)
    ]
    done = await house.make("teammate", status="DONE")
    await house.make("seller", account_id=await house.open_account("seller", name="别处"))
    shown = (await view(house)).json()["activities"]
    assert shown == list(reversed(made))[:10]
    path = f"/v1/activities/{done['id']}"
    moved = await house.call("seller", "PATCH", path, {"planned_start_at": None}, if_match="*")
    assert moved.status_code == 200
    cancelled = {"status": "CANCELLED", "planned_start_at": "2020-01-01T00:00:00Z"}
    for activity in made[1:]:
        await house.call("seller", "PATCH", f"/v1/activities/{activity['id']}", cancelled, if_match="*")
    shown = (await view(house)).json()["activities"]
    assert [row["id"] for row in shown[:2]] == [made[0]["id"], done["id"]]


async def test_the_last_touch_is_the_latest_done_activity_with_the_customer(house: House) -> None:
    await house.make("seller", status="DONE", started_at="2026-01-05T08:00:00Z", two_way=True, subject="旧")
    touch = await house.make(
        "teammate",
        status="DONE",
        started_at="2026-02-05T08:00:00Z",
        two_way=True,
        type="CALL",
        subject="电话",
    )
    await house.make("seller", status="DONE", started_at="2026-03-05T08:00:00Z", two_way=False)
    await house.make("seller", two_way=True)
    await house.make(
        "seller", status="MISSED", planned_start_at="2026-04-01T08:00:00Z", two_way=True, subject="失约"
    )
    wanted = {name: touch[name] for name in ("id", "type", "started_at", "subject", "owner_id")}
    assert (await view(house)).json()["last_touch"] == wanted


async def test_minutes_are_sums_of_ninety_days_whoever_spent_them(house: House) -> None:
    await log(house, 0, "TRAVEL", 30)
    await log(house, 89, "TRAVEL", 60)
    await log(house, 90, "TRAVEL", 1000)
    await log(house, 3, "F2F_SELLING", 200, member_id=house.members["boss"])
    await log(house, 3, "MEAL", 5, account_id=None)
    wanted = [{"category": "F2F_SELLING", "minutes": 200}, {"category": "TRAVEL", "minutes": 90}]
    for who in ("seller", "teammate", "executive"):
        assert (await view(house, who)).json()["minutes"] == wanted


async def test_the_organisations_zone_decides_which_days_count(house: House) -> None:
    await log(house, 89, "TRAVEL", 60)
    ahead = {"organisation_timezone": "Pacific/Kiritimati"}
    behind = {"organisation_timezone": "Pacific/Midway"}
    seen: dict[str, bool] = {}
    for zone in (ahead, behind):
        async with api_of(SERVICE, house.url, house.callers, given=zone) as there:
            far = replace(house, client=there)
            first = (await view(far)).json()["minutes"]
            seen[zone["organisation_timezone"]] = bool(first)
    hour = datetime.now(UTC).hour
    assert seen == {"Pacific/Kiritimati": hour < 10, "Pacific/Midway": True}


async def test_whoever_sees_the_account_sees_its_view(house: House) -> None:
    statuses = {
        who: (await view(house, who)).status_code
        for who in (*house.members, "executive", "marketing", "admin", "reporting")
    }
    assert [who for who, status in statuses.items() if status != 200] == ["stranger"]
    for who, account in (("stranger", house.account), ("admin", NOWHERE)):
        answer = await view(house, who, account)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_deleted_account_has_no_view(house: House) -> None:
    await house.hear(
        "account", "deleted", 2, id=house.account, name="云山电网", owner_id=None, team=[], external_ids={}
    )
    assert (await view(house, "admin")).status_code == 404
