"""What is refused of activities: by field, with nothing left behind."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.services.activities.conftest import House, refused
from tests.services.activities.engagements.test_changing import patched
from tests.services.elsewhere import NOWHERE

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAST = "2026-03-01T09:00:00Z"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_left(shared: House, planned: dict[str, Any]) -> AsyncIterator[None]:
    before = await shared.written()
    yield
    assert await shared.written() == before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planned(shared: House) -> dict[str, Any]:
    return await shared.make("seller")


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"status": "DONE", "started_at": None}, {"started_at": "required"}),
        ({"status": "DONE", "started_at": "2999-01-01T00:00:00Z"}, {"started_at": "in_future"}),
        ({"planned_start_at": None}, {"planned_start_at": "required"}),
        ({"status": "MISSED", "planned_start_at": None}, {"planned_start_at": "required"}),
        ({"status": "MISSED", "planned_start_at": "2999-01-01T00:00:00Z"}, {"planned_start_at": "in_future"}),
        ({"started_at": PAST}, {"started_at": "not_wanted"}),
        ({"contact_ids": [NOWHERE, NOWHERE]}, {"contact_ids.1": "duplicate"}),
        (
            {"our_attendees": [{"member_id": NOWHERE, "function": "RND"}] * 2},
            {"our_attendees.1.member_id": "duplicate"},
        ),
    ],
)
async def test_what_cannot_be_is_refused_by_field(
    shared: House, said: dict[str, Any], fields: dict[str, str]
) -> None:
    answer = await shared.call("seller", "POST", "/v1/activities", shared.visit(**said))
    assert refused(answer) == fields


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"account_id": NOWHERE}, {"account_id": "unknown"}),
        ({"opportunity_id": NOWHERE}, {"opportunity_id": "unknown"}),
        ({"contact_ids": [NOWHERE]}, {"contact_ids.0": "unknown"}),
        (
            {"our_attendees": [{"member_id": NOWHERE, "function": "RND"}]},
            {"our_attendees.0.member_id": "unknown"},
        ),
    ],
)
async def test_what_nobody_knows_is_refused_by_field(
    shared: House, said: dict[str, Any], fields: dict[str, str]
) -> None:
    assert refused(await shared.call("seller", "POST", "/v1/activities", shared.visit(**said))) == fields


@pytest.mark.parametrize("names", ["account_id", "opportunity_id", "account_id opportunity_id"])
@pytest.mark.parametrize("with_people", [False, True])
async def test_unknown_and_unseen_look_the_same(shared: House, names: str, with_people: bool) -> None:
    there = {"account_id": shared.account, "opportunity_id": shared.deal}
    people = {"contact_ids": list(shared.people) if with_people else []}
    told: list[dict[str, Any]] = []
    for said in (there, dict.fromkeys(there, NOWHERE)):
        visit = shared.visit(**{"account_id": None} | {n: said[n] for n in names.split()} | people)
        answer = await shared.call("stranger", "POST", "/v1/activities", visit)
        told.append({k: v for k, v in answer.json().items() if k != "request_id"})
    assert told[0] == told[1]
    assert {error["field"] for error in told[0]["errors"]} == set(names.split())


@pytest.mark.parametrize("who", ["executive", "marketing", "reporting"])
async def test_roles_that_read_record_nothing(shared: House, who: str) -> None:
    shared.callers.join(who, UUID(shared.members["stranger"]))
    answer = await shared.call(who, "POST", "/v1/activities", shared.visit())
    assert (answer.status_code, answer.json()["code"]) == (403, "read_only_role")


@pytest.mark.parametrize(
    ("patch", "fields"),
    [
        ({"status": "DONE"}, {"started_at": "required"}),
        ({"status": "DONE", "started_at": "2999-01-01T00:00:00Z"}, {"started_at": "in_future"}),
        ({"status": "MISSED"}, {"planned_start_at": "in_future"}),
        ({"planned_start_at": None}, {"planned_start_at": "required"}),
        ({"started_at": PAST}, {"started_at": "not_wanted"}),
        ({"status": None}, {"status": "enum"}),
        ({"owner_id": None}, {"owner_id": "uuid_type"}),
        ({"subject": None}, {"subject": "string_type"}),
        ({"account_id": NOWHERE}, {"account_id": "unknown"}),
        ({"opportunity_id": NOWHERE}, {"opportunity_id": "unknown"}),
        ({"contact_ids": [NOWHERE]}, {"contact_ids.0": "unknown"}),
        ({"owner_id": NOWHERE}, {"owner_id": "unknown"}),
        (
            {"our_attendees": [{"member_id": NOWHERE, "function": "RND"}]},
            {"our_attendees.0.member_id": "unknown"},
        ),
        ({"version": 3}, {"version": "extra_forbidden"}),
        ({"starts_at": PAST}, {"starts_at": "extra_forbidden"}),
    ],
)
async def test_a_patch_that_cannot_be_is_refused_by_field(
    shared: House, planned: dict[str, Any], patch: dict[str, Any], fields: dict[str, str]
) -> None:
    assert refused(await patched(shared, planned, **patch)) == fields


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("color=red", "color"),
        ("type=DANCE", "type"),
        ("type[contains]=CALL", "type[contains]"),
        ("owner_id=7", "owner_id"),
        ("starts_at=2030-05-01", "starts_at"),
        ("starts_at[gte]=yesterday", "starts_at[gte]"),
        ("two_way=yes", "two_way"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("sort=subject", "sort"),
        ("cursor=x", "cursor"),
        ("count=maybe", "count"),
        ("q=拜访", "q"),
        ("status=DONE&status=PLANNED", "status"),
    ],
)
async def test_what_a_list_does_not_take_is_refused_by_name(shared: House, query: str, field: str) -> None:
    answer = await shared.call("seller", "GET", f"/v1/activities?{query}")
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
