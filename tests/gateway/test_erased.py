"""An erasure as all services tell of it: whole, but for what one of them has not heard yet."""

import json
from typing import Any

import pytest

from gateway.views.person import ERASED as PARTS
from gateway.views.person import whole
from tests.gateway.standing import ACCOUNT as SOMEBODY
from tests.gateway.standing import Standing
from tests.problems import assert_problem

PATH = f"/v1/contacts/{SOMEBODY}/erasure"
MENTION = {"noun": "activities", "id": SOMEBODY, "field": "subject"}
LATE = b'{"code":"not_found"}'
TOLD: dict[str, dict[str, Any]] = {
    "contacts": {
        "contact_id": SOMEBODY, "account_id": SOMEBODY, "erased_at": "2026-11-22T08:00:00.000000Z",
        "reason": "REQUESTED", "topics_clean_at": "2026-12-07T08:00:00.000000Z",
        "mentions_in_contacts": [], "more_in_contacts": False,
    },
    "opportunities": {"mentions_in_opportunities": [], "more_in_opportunities": True},
    "activities": {"mentions_in_activities": [MENTION], "more_in_activities": False},
}  # fmt: skip


def telling(stand: Standing) -> Standing:
    for part, straw in stand.straws.items():
        straw.answers(body=json.dumps(TOLD[part]).encode())
    return stand


def test_the_answer_is_what_the_parts_say_and_no_more() -> None:
    told = json.loads(whole(PARTS, {part: json.dumps(each).encode() for part, each in TOLD.items()}))
    assert told == {key: value for each in TOLD.values() for key, value in each.items()}
    assert list(told) == [key for keys in PARTS.keys.values() for key in keys]


async def test_the_texts_of_all_services_are_read_in_one_answer(stand: Standing) -> None:
    answer = await telling(stand).client.get(PATH)
    assert answer.status_code == 200
    assert answer.json()["mentions_in_activities"] == [MENTION]
    for straw in stand.straws.values():
        assert [(seen.method, seen.target) for seen in straw.seen] == [("GET", PATH)]
    had = {"If-None-Match": answer.headers["etag"]}
    assert (await stand.client.get(PATH, headers=had)).status_code == 304


@pytest.mark.parametrize("part", ["opportunities", "activities"])
async def test_a_service_that_has_not_heard_yet_says_so_and_lists_nothing(part: str, stand: Standing) -> None:
    telling(stand).straws[part].answers(404, LATE)
    told = (await stand.client.get(PATH)).json()
    assert (told[f"mentions_in_{part}"], told[f"more_in_{part}"]) == (None, None)
    assert {key: told[key] for key in TOLD["contacts"]} == TOLD["contacts"]


@pytest.mark.parametrize("part", list(TOLD))
async def test_what_a_service_cannot_tell_now_is_no_answer(part: str, stand: Standing) -> None:
    straw = telling(stand).straws[part]
    for status, body in ((500, b"{}"), (200, b"{}")):
        straw.answers(status, body)
        problem = assert_problem(await stand.client.get(PATH), 503, "parts_missing")
        assert f"{part} (error)" in problem["detail"]
    await straw.kill()
    assert_problem(await stand.client.get(PATH), 503, "parts_missing")


async def test_who_was_not_erased_is_not_there(stand: Standing) -> None:
    telling(stand).contacts.answers(404, LATE)
    await stand.activities.kill()
    assert_problem(await stand.client.get(PATH), 404, "not_found")


async def test_who_may_not_ask_is_told_so(stand: Standing) -> None:
    telling(stand).contacts.answers(403, b'{"code":"admin_only"}', content_type="application/problem+json")
    answer = await stand.client.get(PATH)
    assert (answer.status_code, answer.json()) == (403, {"code": "admin_only"})


@pytest.mark.parametrize("method", ["POST", "PUT", "BREW"])
async def test_what_is_no_read_goes_to_contacts_alone(method: str, stand: Standing) -> None:
    stand.contacts.answers(202, b'{"erased": true}')
    answer = await stand.client.request(method, PATH, json={"reason": "REQUESTED"})
    assert (answer.status_code, answer.json()) == (202, {"erased": True})
    [seen] = stand.contacts.seen
    assert (seen.method, seen.target) == ("OPTIONS" if method == "BREW" else method, PATH)
    assert json.loads(seen.body) == {"reason": "REQUESTED"}
    assert not stand.opportunities.seen
