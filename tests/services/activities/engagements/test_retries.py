"""Requests sent twice: one effect, one answer."""

import asyncio

from tests.services.activities.conftest import House


async def test_a_create_sent_again_gets_the_first_answer(house: House) -> None:
    visit = house.visit(contact_ids=list(house.people))
    first = await house.call("seller", "POST", "/v1/activities", visit, key="k-1")
    again = await house.call("seller", "POST", "/v1/activities", visit, key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await house.rows("SELECT FROM activity")) == 1
    assert len(await house.rows("SELECT FROM journal")) == 1


async def test_a_key_belongs_to_one_request_of_one_caller(house: House) -> None:
    assert (await house.call("seller", "POST", "/v1/activities", house.visit(), key="k")).status_code == 201
    other = await house.call("seller", "POST", "/v1/activities", house.visit(minutes=5), key="k")
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "key_reused")
    assert (await house.call("boss", "POST", "/v1/activities", house.visit(), key="k")).status_code == 201
    assert len(await house.rows("SELECT FROM activity")) == 2


async def test_the_same_request_at_the_same_time_has_one_effect(house: House) -> None:
    visit = house.visit()
    answers = await asyncio.gather(
        *(house.call("seller", "POST", "/v1/activities", visit, key="k") for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await house.rows("SELECT FROM activity")) == 1


async def test_a_refusal_is_not_kept(house: House) -> None:
    visit = house.visit(minutes=0)
    assert (await house.call("seller", "POST", "/v1/activities", visit, key="k")).status_code == 422
    assert (
        await house.call("seller", "POST", "/v1/activities", visit | {"minutes": 1}, key="k")
    ).status_code == 201


async def test_a_change_sent_again_gets_the_first_answer(house: House) -> None:
    made = await house.make("seller")
    path, done = f"/v1/activities/{made['id']}", {"status": "DONE", "started_at": "2026-03-01T09:00:00Z"}
    for expected, key in (('"1"', "exact"), ("*", "any")):
        first = await house.call("seller", "PATCH", path, done, if_match=expected, key=key)
        again = await house.call("seller", "PATCH", path, done, if_match=expected, key=key)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
    assert len(await house.rows("SELECT FROM journal")) == 2


async def test_time_is_recorded_once(house: House) -> None:
    log = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90, "account_id": house.account}
    answers = await asyncio.gather(
        *(house.call("seller", "POST", "/v1/time-logs", log, key="k") for _ in range(3))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len(await house.rows("SELECT FROM time_log")) == 1
