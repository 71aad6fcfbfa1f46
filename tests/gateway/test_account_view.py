"""The account view: three services at once, spliced; what is missing is named, and the rest is served."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from gateway.views.account import PARTS as MADE_OF
from gateway.views.account import dated, said
from gateway.views.parts import Reason
from services.kit.clock import now
from tests.gateway.standing import ACCOUNT, PARTS, Standing, standing
from tests.problems import assert_problem

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = MADE_OF.keys
EMPTY: dict[str, object] = {key: None for keys in KEYS.values() for key in keys}
SERVICES = list(KEYS)
# Seconds: enough for a service that is awake, even on a busy machine.
BUDGET = 1.5

Trouble = Callable[[Standing, str], Awaitable[None]]


# Splicing


def test_a_whole_view_is_its_parts_and_nothing_missing() -> None:
    view = json.loads(dated(said(dict(PARTS)), NOON))
    whole = {key: value for body in PARTS.values() for key, value in json.loads(body).items()}
    assert view == {**whole, "missing": [], "as_of": "2026-11-22T12:00:00.000000Z"}


def test_keys_of_missing_parts_are_null() -> None:
    reasons: dict[str, bytes | Reason] = {
        "contacts": "timeout",
        "opportunities": "error",
        "activities": "not_yet",
    }
    missing = [{"part": part, "reason": reason} for part, reason in reasons.items()]
    assert json.loads(dated(said(reasons), NOON)) == {
        **EMPTY,
        "missing": missing,
        "as_of": "2026-11-22T12:00:00.000000Z",
    }


def test_what_a_part_says_is_passed_on_byte_by_byte() -> None:
    odd = b' {"deals": [1e400, 1.10, "\\u00e9"] , "totals":[],  "new":"later"}\n'
    assert odd.strip()[1:-1] in dated(said({**PARTS, "opportunities": odd}), NOON)


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(json_values, min_size=8, max_size=8))
def test_any_parts_make_one_document(values: list[object]) -> None:
    told = dict(zip(EMPTY, values, strict=True))
    parts = {part: json.dumps({key: told[key] for key in keys}).encode() for part, keys in KEYS.items()}
    view = json.loads(dated(said(dict(parts)), NOON))
    assert {key: view[key] for key in told} == told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b'{"account":1}',
        b'"account" "standing" "people"',
        b'{"account":1,"standing":1,"people":',
    ],
)
def test_what_is_no_part_is_seen(body: bytes) -> None:
    assert not MADE_OF.holds("contacts", body)


# Three services


async def test_a_view_is_one_object_of_three_services(stand: Standing) -> None:
    before = now()
    answer = await stand.view()
    view = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert view["account"] == {"name": "远景"}
    assert view["deals"] == [{"amount": 9007199254740991}]
    assert (view["people"], view["last_touch"], view["missing"]) == ([1], None, [])
    assert timedelta(0) <= datetime.fromisoformat(view["as_of"]) - before < timedelta(seconds=10)


async def test_every_service_is_asked_the_same_with_the_callers_token(stand: Standing) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await stand.view(
        **{"X-Request-Id": "abcdefgh", "traceparent": trace, "Accept-Language": "zh", "If-Match": "3"}
    )
    assert answer.headers["x-request-id"] == "abcdefgh"
    for straw in stand.straws.values():
        [seen] = straw.seen
        assert (seen.method, seen.target) == ("GET", f"/v1/accounts/{ACCOUNT}/view")
        assert seen.header("authorization") == stand.client.headers["authorization"]
        assert (seen.header("x-request-id"), seen.header("traceparent")) == ("abcdefgh", trace)
        assert (seen.header("accept-language"), seen.header("if-match")) == ("zh", None)


async def test_services_are_asked_at_once(stand: Standing) -> None:
    everyone = asyncio.Barrier(3)

    def together(part: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await everyone.wait()
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            await send({"type": "http.response.body", "body": PARTS[part]})

        return answer

    for part, straw in stand.straws.items():
        straw.behave = together(part)
    assert (await stand.view()).json()["missing"] == []


# What is missing


async def killed(stand: Standing, part: str) -> None:
    await stand.straws[part].kill()


async def asleep(stand: Standing, part: str) -> None:
    async def sleep(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(30)

    stand.straws[part].behave = sleep


async def half_asleep(stand: Standing, part: str) -> None:
    async def drowsy(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": PARTS[part][:5], "more_body": True})
        await asyncio.sleep(30)

    stand.straws[part].behave = drowsy


async def crashed(stand: Standing, part: str) -> None:
    stand.straws[part].answers(500, b'{"code":"internal"}')


async def not_there(stand: Standing, part: str) -> None:
    stand.straws[part].answers(404, b'{"code":"not_found"}')


async def html(stand: Standing, part: str) -> None:
    stand.straws[part].answers(200, PARTS[part], content_type="text/html")


async def other_json(stand: Standing, part: str) -> None:
    stand.straws[part].answers(200, b'{"hello":"world"}')


async def busy(stand: Standing, part: str) -> None:
    stand.straws[part].answers(429, b"{}")


TROUBLES: list[tuple[Trouble, str]] = [
    (killed, "unreachable"),
    (asleep, "timeout"),
    (half_asleep, "timeout"),
    (crashed, "error"),
    (not_there, "not_yet"),
    (html, "error"),
    (other_json, "error"),
    (busy, "error"),
]


@pytest.mark.parametrize("part", SERVICES)
@pytest.mark.parametrize(("trouble", "reason"), TROUBLES)
async def test_a_missing_part_is_named_and_the_rest_served(trouble: Trouble, reason: str, part: str) -> None:
    async with standing(seconds=BUDGET if reason == "timeout" else 10) as stand:
        await trouble(stand, part)
        view = (await stand.view()).json()
    assert view["missing"] == [{"part": part, "reason": reason}]
    rest = {
        key: value
        for other, body in PARTS.items()
        if other != part
        for key, value in json.loads(body).items()
    }
    assert {key: view[key] for key in EMPTY} == {**EMPTY, **rest}


async def test_the_return_of_a_service_heals_the_view(stand: Standing) -> None:
    await stand.contacts.kill()
    assert (await stand.view()).json()["missing"]
    await stand.contacts.start()
    assert (await stand.view()).json()["missing"] == []


async def test_a_slow_part_costs_its_budget_and_no_more() -> None:
    async with standing(seconds=BUDGET) as stand:
        for part in SERVICES[1:]:
            await asleep(stand, part)
        started = asyncio.get_running_loop().time()
        view = (await stand.view()).json()
        took = asyncio.get_running_loop().time() - started
    assert [each["reason"] for each in view["missing"]] == ["timeout", "timeout"]
    assert took < 2 * BUDGET


# Who does not know the account


async def test_an_account_that_nobody_knows_is_not_found(stand: Standing) -> None:
    for part in SERVICES:
        await not_there(stand, part)
    assert_problem(await stand.view(), 404, "not_found")


@pytest.mark.parametrize("silence", [killed, crashed])
async def test_those_who_do_not_answer_do_not_vote(silence: Trouble, stand: Standing) -> None:
    await silence(stand, "contacts")
    await not_there(stand, "opportunities")
    await not_there(stand, "activities")
    assert_problem(await stand.view(), 404, "not_found")


async def test_an_account_that_only_one_knows_is_shown(stand: Standing) -> None:
    await not_there(stand, "opportunities")
    await not_there(stand, "activities")
    view = (await stand.view()).json()
    assert [each["reason"] for each in view["missing"]] == ["not_yet", "not_yet"]
    assert view["account"] is not None


@pytest.mark.parametrize("silence", [killed, crashed])
async def test_a_view_of_nothing_at_all_is_503(silence: Trouble, stand: Standing) -> None:
    for part in SERVICES:
        await silence(stand, part)
    answer = await stand.view()
    assert_problem(answer, 503, "upstream_unreachable")
    assert "retry-after" in answer.headers


# What a service says of the caller


@pytest.mark.parametrize("part", SERVICES)
@pytest.mark.parametrize("status", [400, 401, 403, 422])
async def test_a_refusal_of_the_caller_holds_for_the_whole(status: int, part: str, stand: Standing) -> None:
    refusal = b'{"code":"stranger"}'
    stand.straws[part].answers(
        status, refusal, content_type="application/problem+json", www_authenticate="Bearer"
    )
    answer = await stand.view()
    assert (answer.status_code, answer.content) == (status, refusal)
    assert (answer.headers["content-type"], answer.headers["www-authenticate"]) == (
        "application/problem+json",
        "Bearer",
    )
    assert len(answer.headers.get_list("x-request-id")) == 1


async def test_a_query_goes_to_every_service(stand: Standing) -> None:
    await stand.client.get(f"/v1/accounts/{ACCOUNT}/view?unknown=1")
    assert {straw.seen[0].target for straw in stand.straws.values()} == {
        f"/v1/accounts/{ACCOUNT}/view?unknown=1"
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_view_is_read_only(method: str, stand: Standing) -> None:
    answer = await stand.client.request(method, f"/v1/accounts/{ACCOUNT}/view")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert not any(straw.seen for straw in stand.straws.values())


async def test_no_token_no_view(stand: Standing) -> None:
    del stand.client.headers["authorization"]
    assert_problem(await stand.view(), 401, "token_missing")
    assert not any(straw.seen for straw in stand.straws.values())


# What the caller has already


async def test_a_view_is_sent_again_when_what_it_shows_has_changed(stand: Standing) -> None:
    first = await stand.view()
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for tags in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = await stand.view(**{"If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"] == "private, no-cache"
        assert "content-type" not in again.headers
    assert {straw.seen[-1].header("if-none-match") for straw in stand.straws.values()} == {None}
    stand.activities.answers(200, PARTS["activities"].replace(b"[]", b"[1]", 1))
    changed = await stand.view(**{"If-None-Match": tag})
    assert (changed.status_code, changed.json()["activities"]) == (200, [1])
    assert changed.headers["etag"] != tag


async def test_the_tag_of_a_view_holds_whatever_the_moment(stand: Standing) -> None:
    views = [await stand.view(), await stand.view()]
    assert views[0].json()["as_of"] != views[1].json()["as_of"]
    assert len({view.headers["etag"] for view in views}) == 1


async def test_the_tag_of_a_view_says_what_is_missing_and_why(stand: Standing) -> None:
    whole = (await stand.view()).headers["etag"]
    tags = {whole}
    for trouble in (crashed, not_there, killed):
        await trouble(stand, "activities")
        less = (await stand.view(**{"If-None-Match": whole})).headers["etag"]
        assert (await stand.view(**{"If-None-Match": less})).status_code == 304
        tags.add(less)
    assert len(tags) == 4
    stand.activities.behave = None
    await stand.activities.start()
    assert (await stand.view(**{"If-None-Match": whole})).status_code == 304


async def test_no_view_is_no_match(stand: Standing) -> None:
    for part in SERVICES:
        await not_there(stand, part)
    assert_problem(await stand.view(**{"If-None-Match": "*"}), 404, "not_found")
