"""How many statements each endpoint executes."""

from typing import Any

import pytest

from services.kit.clock import instant, now
from tests.services.activities.conftest import House

LOG = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90}


async def counted(house: House, method: str, path: str, body: Any = None, **headers: str) -> int:
    """How many statements the request executes when it is sent as the seller."""
    house.statements.clear()
    answer = await house.call("seller", method, path, body, **headers)
    assert answer.status_code < 300, answer.text
    assert all("/* sight */" in text for text in house.statements if " activity" in text), house.statements
    return len(house.statements)


async def test_reading_takes_one_statement(house: House) -> None:
    activity = (await house.make("seller"))["id"]
    log = (await house.call("seller", "POST", "/v1/time-logs", LOG)).json()["id"]
    for path in (
        f"/v1/activities/{activity}",
        f"/v1/activities/{activity}?as_of={instant(now())}",
        f"/v1/activities/{activity}/history",
        "/v1/activities",
        "/v1/activities?count=true&status=PLANNED&sort=starts_at&limit=1",
        f"/v1/activities?account_id={house.account}",
        f"/v1/time-logs/{log}",
        f"/v1/time-logs/{log}?as_of={instant(now())}",
        f"/v1/time-logs/{log}/history",
        "/v1/time-logs?count=true",
        "/v1/changes",
        f"/v1/accounts/{house.account}/view",
    ):
        assert await counted(house, "GET", path) == 1, path
    assert await counted(house, "POST", "/v1/activities/lookup", {"ids": [activity]}) == 1


@pytest.mark.parametrize("key", [{}, {"key": "k"}])
async def test_recording_takes_one_statement(house: House, key: dict[str, str]) -> None:
    everything = house.visit(
        account_id=None,
        opportunity_id=house.deal,
        contact_ids=list(house.people),
        our_attendees=[{"member_id": house.members["boss"], "function": "SALES"}],
        external_ids={"crm": "1"},
    )
    assert await counted(house, "POST", "/v1/activities", everything, **key) == 1
    activity = (await house.make("seller"))["id"]
    log = LOG | {"activity_id": activity}
    assert await counted(house, "POST", "/v1/time-logs", log, **{n: v + "2" for n, v in key.items()}) == 1


async def test_changing_takes_one_statement_and_more_where_it_rests_on_more(house: House) -> None:
    path = f"/v1/activities/{(await house.make('seller'))['id']}"
    done = {"status": "DONE", "started_at": "2026-03-01T09:00:00Z"}
    assert await counted(house, "PATCH", path, {"subject": "新"}, if_match="*") == 1
    assert await counted(house, "PATCH", path, done, if_match="*") == 2, "read, then written as it stood"
    assert await counted(house, "PATCH", path, {"opportunity_id": house.deal}, if_match="*") == 3
    path = (await house.call("seller", "POST", "/v1/time-logs", LOG)).headers["location"]
    assert await counted(house, "PATCH", path, {"minutes": 5}, if_match="*") == 1
    assert await counted(house, "PATCH", path, {"account_id": house.account}, if_match="*") == 3


async def test_learning_costs_one_look_and_one_statement_a_kind(house: House) -> None:
    account = house.owners.tell(
        "accounts", name="新", owner_id=house.members["seller"], team=[], external_ids={}
    )
    person = house.owners.tell("contacts", account_id=account, name="赵敏")
    visit = house.visit(account_id=account, contact_ids=[person])
    assert await counted(house, "POST", "/v1/activities", visit) == 5, "tried, looked, two kinds kept, tried"
    assert await counted(house, "POST", "/v1/activities", visit) == 1
