"""What all services hold about a person: one answer that is whole, or a refusal that says what is missing."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from gateway.views.person import HELD as PARTS
from gateway.views.person import whole
from tests.gateway.standing import ACCOUNT as SOMEBODY
from tests.gateway.standing import Standing, standing
from tests.problems import assert_problem

PATH = f"/v1/contacts/{SOMEBODY}/personal-data"
HELD = {
    "contacts": b'{"contact": {"name": "\xe6\x9d\x8e"}, "links": [], "journal_entries": 3, "mentions_in_contacts": []}',
    "opportunities": b'{"known_to_opportunities": {}, "stakeholders": [7], "mentions_in_opportunities": []}',
    "activities": b'{"known_to_activities": {}, "activity_ids": ["x"], "mentions_in_activities": []}',
}


def telling(stand: Standing) -> Standing:
    for part, straw in stand.straws.items():
        straw.answers(body=HELD[part])
    return stand


def test_the_answer_is_what_the_parts_say_and_no_more() -> None:
    told = json.loads(whole(PARTS, HELD))
    assert told == {key: value for body in HELD.values() for key, value in json.loads(body).items()}
    assert list(told) == [key for keys in PARTS.keys.values() for key in keys]


async def test_all_services_are_asked_with_the_callers_token(stand: Standing) -> None:
    answer = await telling(stand).client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    held: dict[str, Any] = answer.json()
    assert (held["contact"]["name"], held["stakeholders"], held["activity_ids"]) == ("李", [7], ["x"])
    for straw in stand.straws.values():
        [seen] = straw.seen
        assert (seen.method, seen.target) == ("GET", PATH)
        assert seen.header("authorization") == stand.client.headers["authorization"]


async def test_what_the_caller_has_is_not_sent_again(stand: Standing) -> None:
    first = await telling(stand).client.get(PATH)
    tag = first.headers["etag"]
    again = await stand.client.get(PATH, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    stand.activities.answers(body=HELD["activities"].replace(b"x", b"y"))
    assert (await stand.client.get(PATH, headers={"If-None-Match": tag})).status_code == 200


async def _sleep(_scope: Scope, _receive: Receive, _send: Send) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("part", list(HELD))
async def test_a_part_that_is_missing_is_no_answer(part: str) -> None:
    async with standing(seconds=1.5) as stand:
        straw = telling(stand).straws[part]
        straw.behave = _sleep
        await refused(stand, f"{part} (timeout)")
        for status, body in ((500, b"{}"), (200, b"{}"), (200, HELD[part][:-1])):
            straw.answers(status, body)
            await refused(stand, f"{part} (error)")
        await straw.kill()
        await refused(stand, f"{part} (unreachable)")


async def refused(stand: Standing, named: str) -> None:
    answer = await stand.client.get(PATH)
    problem = assert_problem(answer, 503, "parts_missing")
    assert named in problem["detail"]
    assert answer.headers["retry-after"] == "1"


async def test_what_others_have_not_heard_yet_is_missing(stand: Standing) -> None:
    telling(stand).opportunities.answers(404, b'{"code":"not_found"}')
    stand.activities.answers(404, b'{"code":"not_found"}')
    await refused(stand, "opportunities (not_yet), activities (not_yet)")


async def test_whom_contacts_does_not_know_there_is_not(stand: Standing) -> None:
    telling(stand).contacts.answers(404, b'{"code":"not_found"}')
    await stand.activities.kill()
    assert_problem(await stand.client.get(PATH), 404, "not_found")


async def test_who_may_not_ask_one_service_is_told_so(stand: Standing) -> None:
    telling(stand).activities.answers(403, b'{"code":"scope"}', content_type="application/problem+json")
    answer = await stand.client.get(PATH)
    assert (answer.status_code, answer.json()) == (403, {"code": "scope"})


async def test_it_is_only_read(stand: Standing) -> None:
    answer = await telling(stand).client.post(PATH)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
