"""Time logs: recorded and mended by their member and the managers above, and seen by nobody else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.activities.main import SERVICE
from tests.apis import api_of
from tests.services.activities.conftest import House, refused
from tests.services.elsewhere import NOWHERE

DAY = "2026-03-01"


async def recorded(house: House, who: str = "seller", **said: Any) -> dict[str, Any]:
    answer = await house.call(
        who, "POST", "/v1/time-logs", {"spent_on": DAY, "category": "TRAVEL", "minutes": 90} | said
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/time-logs/{answer.json()['id']}"
    return answer.json()


async def patched(house: House, log: dict[str, Any], who: str = "seller", **patch: Any) -> Any:
    path = f"/v1/time-logs/{log['id']}"
    return await house.call(who, "PATCH", path, patch, if_match=f'"{log["version"]}"')


async def sent(house: House, who: str, **said: Any) -> Any:
    body = {"spent_on": DAY, "category": "TRAVEL", "minutes": 90} | said
    return await house.call(who, "POST", "/v1/time-logs", body)


async def test_a_log_is_the_callers_own(house: House) -> None:
    made = await recorded(
        house, robber="PHONE_INTERRUPTION", note="路上一直在接电话", account_id=house.account
    )
    assert made["member_id"] == house.members["seller"]
    assert (made["robber"], made["note"], made["version"]) == ("PHONE_INTERRUPTION", "路上一直在接电话", 1)
    again = await house.call("seller", "GET", f"/v1/time-logs/{made['id']}")
    assert again.json() == made
    assert again.headers["etag"] == '"1"'


async def test_the_account_is_the_activitys(house: House) -> None:
    visit = await house.make("teammate")
    assert (await recorded(house, activity_id=visit["id"]))["account_id"] == house.account
    assert (await recorded(house, activity_id=visit["id"], account_id=house.account))["activity_id"] == visit[
        "id"
    ]
    other = await house.open_account("seller", name="别处")
    answer = await sent(house, "seller", activity_id=visit["id"], account_id=other)
    assert refused(answer) == {"account_id": "disagrees"}
    meeting = await house.make("seller", account_id=None)
    assert (await recorded(house, activity_id=meeting["id"]))["account_id"] is None
    assert (await recorded(house, activity_id=meeting["id"], account_id=other))["account_id"] == other
    keys = await house.rows(
        "SELECT partition_key::text FROM journal WHERE aggregate = 'time_log' ORDER BY id"
    )
    assert keys[0] == (house.account,)


async def test_unknown_and_unseen_look_the_same(house: House) -> None:
    visit = await house.make("seller")
    other = await house.open_account("stranger", name="别处")
    for said in ({}, {"account_id": house.account}, {"account_id": other}):
        told = [
            {
                name: value
                for name, value in (await sent(house, "stranger", activity_id=id, **said)).json().items()
                if name != "request_id"
            }
            for id in (visit["id"], NOWHERE)
        ]
        assert told[0] == told[1]
        assert told[0]["errors"][0]["field"] == "activity_id"
    assert refused(await sent(house, "stranger", account_id=house.account)) == {"account_id": "unknown"}
    assert refused(await sent(house, "seller", account_id=NOWHERE)) == {"account_id": "unknown"}


async def test_time_is_spent_by_today_in_the_organisations_zone(house: House) -> None:
    zone = {"organisation_timezone": "Pacific/Kiritimati"}
    ahead = (datetime.now(UTC) + timedelta(hours=14)).date().isoformat()
    later = (datetime.now(UTC) + timedelta(hours=38)).date().isoformat()
    async with api_of(SERVICE, house.url, house.callers, given=zone) as there:
        far = replace(house, client=there)
        assert (await recorded(far, spent_on=ahead))["spent_on"] == ahead
        assert refused(await sent(far, "seller", spent_on=later)) == {"spent_on": "in_future"}


async def test_nobody_but_the_member_and_the_managers_sees_a_log(house: House) -> None:
    made = await recorded(house, account_id=house.account)
    seeing: dict[str, bool] = {}
    for who in (*house.members, "executive", "marketing", "admin", "reporting"):
        one = await house.call(who, "GET", f"/v1/time-logs/{made['id']}")
        page = (await house.call(who, "GET", "/v1/time-logs?count=true")).json()
        narrow = (await house.call(who, "GET", f"/v1/time-logs?account_id={house.account}")).json()
        assert {one.status_code} <= {200, 404}
        assert (
            len(
                {
                    one.status_code == 200,
                    page["total"] == 1,
                    len(page["items"]) == 1,
                    len(narrow["items"]) == 1,
                }
            )
            == 1
        )
        seeing[who] = one.status_code == 200
    assert [who for who, sees in seeing.items() if sees] == ["boss", "seller"]


async def test_a_manager_with_a_role_that_sees_all_sees_the_people_below_alone(house: House) -> None:
    made, other = await recorded(house), await recorded(house, "stranger")
    house.callers.add("chief", "executive", "rep", member_id=house.callers.viewers["boss"].member_id)
    page = (await house.call("chief", "GET", "/v1/time-logs")).json()
    assert [row["id"] for row in page["items"]] == [made["id"]]
    assert (await house.call("chief", "GET", f"/v1/time-logs/{other['id']}")).status_code == 404


async def test_time_is_recorded_for_oneself_and_people_below(house: House) -> None:
    seller = house.members["seller"]
    assert (await recorded(house, "boss", member_id=seller))["member_id"] == seller
    for who, whom in (("seller", "boss"), ("stranger", "seller")):
        answer = await sent(house, who, member_id=house.members[whom])
        assert (answer.status_code, answer.json()["code"]) == (403, "member_not_yours")
    assert (await recorded(house, "admin", member_id=seller))["member_id"] == seller
    assert refused(await sent(house, "admin", member_id=NOWHERE)) == {"member_id": "unknown"}
    assert refused(await sent(house, "admin")) == {"member_id": "required"}
    answer = await sent(house, "executive")
    assert (answer.status_code, answer.json()["code"]) == (403, "read_only_role")


async def test_a_patch_changes_what_it_names(house: House) -> None:
    made = await recorded(house, note="旧")
    answer = await patched(house, made, minutes=30, category="WAITING", robber="MEETINGS", note=None)
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"updated_at": ""} == made | {
        "minutes": 30, "category": "WAITING", "robber": "MEETINGS", "note": None, "version": 2, "updated_at": "",
    }  # fmt: skip
    same = await patched(house, answer.json(), minutes=30)
    assert (same.status_code, same.json()) == (200, answer.json())


async def test_another_activity_brings_its_account(house: House) -> None:
    other = await house.open_account("seller", name="别处")
    here, there = await house.make("seller"), await house.make("seller", account_id=other)
    made = await recorded(house, activity_id=here["id"])
    moved = (await patched(house, made, activity_id=there["id"])).json()
    assert (moved["activity_id"], moved["account_id"]) == (there["id"], other)
    assert refused(await patched(house, moved, account_id=house.account)) == {"account_id": "disagrees"}
    loose = (await patched(house, moved, activity_id=None)).json()
    assert (loose["activity_id"], loose["account_id"]) == (None, other)
    elsewhere = (await patched(house, loose, account_id=house.account)).json()
    assert elsewhere["account_id"] == house.account
    assert (await patched(house, elsewhere, account_id=None)).json()["account_id"] is None


@pytest.mark.parametrize(
    ("patch", "fields"),
    [
        ({"spent_on": "2999-01-01"}, {"spent_on": "in_future"}),
        ({"spent_on": None}, {"spent_on": "value_error"}),
        ({"minutes": 0}, {"minutes": "greater_than_equal"}),
        ({"activity_id": NOWHERE}, {"activity_id": "unknown"}),
        ({"account_id": NOWHERE}, {"account_id": "unknown"}),
        ({"member_id": NOWHERE}, {"member_id": "extra_forbidden"}),
    ],
)
async def test_a_patch_that_cannot_be_is_refused_by_field(
    house: House, patch: dict[str, Any], fields: dict[str, str]
) -> None:
    made = await recorded(house)
    assert refused(await patched(house, made, **patch)) == fields
    assert (await house.call("seller", "GET", f"/v1/time-logs/{made['id']}")).json() == made


async def test_changes_say_which_version_they_were_made_on(house: House) -> None:
    made = await recorded(house)
    path = f"/v1/time-logs/{made['id']}"
    for patch in ({"minutes": 30}, {"account_id": house.account}):
        assert (await house.call("seller", "PATCH", path, patch)).status_code == 428
        stale = await house.call("seller", "PATCH", path, patch, if_match='"7"')
        assert (stale.status_code, stale.json()["current"]) == (412, made)
        for who in ("stranger", "admin"):
            assert (await house.call(who, "PATCH", path, patch, if_match="*")).status_code == 404
    assert (await house.call("boss", "PATCH", path, {"minutes": 30}, if_match="*")).status_code == 200


async def test_lists_filter_and_sort(house: House) -> None:
    early = await recorded(house, spent_on="2026-02-01", category="MEAL")
    late = await recorded(house, spent_on="2026-02-03", robber="NO_GOALS", account_id=house.account)
    wanted = {
        "": [late, early],
        "sort=spent_on": [early, late],
        "spent_on[lt]=2026-02-02": [early],
        "category=MEAL": [early],
        "robber=NO_GOALS": [late],
        f"account_id={house.account}": [late],
        f"member_id={house.members['seller']}&limit=1": [late],
        "activity_id[null]=false&category=MEAL": [],
    }
    for query, expected in wanted.items():
        page = (await house.call("boss", "GET", f"/v1/time-logs?{query}")).json()
        assert page["items"] == expected, query
    answer = await house.call("boss", "GET", "/v1/time-logs?note=x")
    assert list(refused(answer)) == ["note"]
