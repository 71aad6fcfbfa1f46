"""Input that is not what it should be: a problem that names the field, nothing half-written, never a 500."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.apis import as_
from tests.services.activities.conftest import House, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

HUGE = 10_000_000
LOG = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_left(shared: House) -> AsyncIterator[None]:
    before = await shared.written()
    yield
    assert await shared.written() == before


async def sent(house: House, path: str, body: bytes, content_type: str = "application/json") -> Any:
    headers = as_("seller") | {"Content-Type": content_type}
    return await house.client.post(path, content=body, headers=headers)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"type": "DANCE"}, "type"),
        ({"type": "visit"}, "type"),
        ({"type": None}, "type"),
        ({"status": "OPEN"}, "status"),
        ({"subject": ""}, "subject"),
        ({"subject": "  "}, "subject"),
        ({"subject": 7}, "subject"),
        ({"subject": "x" * 501}, "subject"),
        ({"subject": "题\x00目"}, "subject"),
        ({"outcome": "x" * 4001}, "outcome"),
        ({"outcome": ["a"]}, "outcome"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"minutes": 1.5}, "minutes"),
        ({"minutes": "60"}, "minutes"),
        ({"minutes": True}, "minutes"),
        ({"minutes": 10**30}, "minutes"),
        ({"two_way": "yes"}, "two_way"),
        ({"two_way": 1}, "two_way"),
        ({"two_way": None}, "two_way"),
        ({"important": "true"}, "important"),
        ({"planned_start_at": "2030-03-01T09:00:00"}, "planned_start_at"),
        ({"planned_start_at": "tomorrow"}, "planned_start_at"),
        ({"planned_start_at": 1900000000}, "planned_start_at"),
        ({"planned_start_at": "9999-12-31T23:59:59-12:00"}, "planned_start_at"),
        ({"planned_start_at": "0001-01-01T00:00:00+12:00"}, "planned_start_at"),
        ({"account_id": "7"}, "account_id"),
        ({"account_id": 7}, "account_id"),
        ({"contact_ids": None}, "contact_ids"),
        ({"contact_ids": ["x"]}, "contact_ids.0"),
        ({"contact_ids": ["01a20147-808d-712a-82d5-6f8cc5448ea1"] * 201}, "contact_ids"),
        ({"our_attendees": [{"member_id": "x", "function": "RND"}]}, "our_attendees.0.member_id"),
        ({"our_attendees": [{"function": "RND"}]}, "our_attendees.0.member_id"),
        ({"external_ids": {"Not A Source": "1"}}, "external_ids.Not A Source.[key]"),
        ({"external_ids": {"crm": ""}}, "external_ids.crm"),
        ({"external_ids": {f"s{n}": "1" for n in range(21)}}, "external_ids"),
        ({"id": "01a20147-808d-712a-82d5-6f8cc5448ea1"}, "id"),
        ({"version": 7}, "version"),
        ({"created_by": "me"}, "created_by"),
    ],
)
async def test_a_wrong_field_of_an_activity_is_named(shared: House, said: dict[str, Any], field: str) -> None:
    answer = await shared.call("seller", "POST", "/v1/activities", shared.visit(**said))
    assert field in refused(answer)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"spent_on": "2026-13-01"}, "spent_on"),
        ({"spent_on": "2026-03-01T00:00:00Z"}, "spent_on"),
        ({"spent_on": 20260301}, "spent_on"),
        ({"spent_on": "2999-01-01"}, "spent_on"),
        ({"spent_on": None}, "spent_on"),
        ({"category": "SLEEP"}, "category"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"minutes": "90"}, "minutes"),
        ({"robber": "CAT"}, "robber"),
        ({"note": "x\x00"}, "note"),
        ({"hours": 2}, "hours"),
    ],
)
async def test_a_wrong_field_of_a_time_log_is_named(shared: House, said: dict[str, Any], field: str) -> None:
    assert field in refused(await shared.call("seller", "POST", "/v1/time-logs", LOG | said))


@pytest.mark.parametrize("path", ["/v1/activities", "/v1/time-logs"])
async def test_what_is_missing_is_named(shared: House, path: str) -> None:
    wanted = {"/v1/activities": {"type", "subject"}, "/v1/time-logs": {"spent_on", "category", "minutes"}}
    answer = await shared.call("seller", "POST", path, {})
    assert refused(answer) == dict.fromkeys(wanted[path], "missing")


@pytest.mark.parametrize("path", ["/v1/activities", "/v1/time-logs"])
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b'{"minutes": NaN}', "application/json", 422),
        (b'{"minutes": Infinity}', "application/json", 422),
        (b'{"minutes": 1, "minutes": 2}', "application/json", 422),
        (b'{"minutes": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"note": "\\u0000"}', "application/json", 422),
        (b'{"note": "\\ud800"}', "application/json", 422),
        (b"minutes=5", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b'{"note": "' + b"x" * HUGE + b'"}', "application/json", 413),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    shared: House, path: str, body: bytes, content_type: str, status: int
) -> None:
    answer = await sent(shared, path, body, content_type)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"]


@pytest.mark.parametrize("path", ["activities", "time-logs"])
async def test_ids_that_are_none_are_refused(shared: House, path: str) -> None:
    for id in ("7", "x" * 300, "%00", "..%2f", "01a20147-808d-712a-82d5-6f8cc5448ea1%27"):
        answer = await shared.call("seller", "GET", f"/v1/{path}/{id}")
        assert answer.status_code in (404, 422), answer.text
    answer = await shared.call("seller", "GET", f"/v1/{path}/01a20147-808d-712a-82d5-6f8cc5448ea1")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = await shared.call("seller", "PUT", f"/v1/{path}/01a20147-808d-712a-82d5-6f8cc5448ea1")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("key", ["x" * 256, "钥匙".encode(), b"a\x01b"])
async def test_a_key_that_is_none_is_refused(shared: House, key: str | bytes) -> None:
    headers = {
        b"Authorization": b"Bearer seller",
        b"Idempotency-Key": key if isinstance(key, bytes) else key.encode(),
    }
    answer = await shared.client.post("/v1/time-logs", json=LOG, headers=headers)
    assert "Idempotency-Key" in refused(answer)
