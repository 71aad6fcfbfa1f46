"""The catalogue at the gateway: parts of three services joined, kept, and named where they are missing."""

import json
from typing import Any

import pytest

from gateway.upstreams import SERVICES
from gateway.views.catalog import joined
from tests.gateway.standing import Standing
from tests.problems import assert_problem

PART: dict[str, Any] = {"language": "en", "enumerations": {}, "resources": {}, "problems": [], "missing": []}


def part(name: str, **more: Any) -> bytes:
    return json.dumps({**PART, "enumerations": {name: {"label": name}}, **more}).encode()


def names(answer: Any) -> set[str]:
    return set(answer.json()["enumerations"])


@pytest.fixture
def told(stand: Standing) -> Standing:
    for name, straw in stand.straws.items():
        straw.answers(200, part(name), etag=f'"{name}"')
    return stand


def test_tables_are_united_and_entries_are_there_once() -> None:
    view = {"AccountView": {"label": "View", "fields": [{"name": "deals"}]}}
    other = {"AccountView": {"label": "View", "fields": [{"name": "minutes"}]}}
    parts = [
        {"resources": view, "problems": [{"code": "a"}, {"code": "b"}]},
        {"resources": other, "problems": [{"code": "b"}, {"code": "c"}]},
    ]
    whole = json.loads(joined(parts, {"contacts": "timeout"}))
    assert whole["resources"]["AccountView"]["fields"] == [{"name": "deals"}, {"name": "minutes"}]
    assert whole["problems"] == [{"code": "a"}, {"code": "b"}, {"code": "c"}]
    assert whole["missing"] == [{"part": "contacts", "reason": "timeout"}]


async def test_the_parts_of_all_services_are_one_catalogue(told: Standing) -> None:
    answer = await told.client.get("/v1/catalog", headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 200
    assert names(answer) == set(SERVICES)
    assert answer.json()["missing"] == []
    assert (answer.headers["content-language"], answer.headers["vary"]) == ("zh-Hans", "Accept-Language")
    assert {straw.seen[0].header("accept-language") for straw in told.straws.values()} == {"zh-Hans"}


async def test_a_part_that_has_not_changed_is_not_sent_again(told: Standing) -> None:
    first = await told.client.get("/v1/catalog")
    for straw in told.straws.values():
        straw.answers(304, b"")
    again = await told.client.get("/v1/catalog")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert {name: straw.seen[1].header("if-none-match") for name, straw in told.straws.items()} == {
        name: f'"{name}"' for name in SERVICES
    }
    same = await told.client.get("/v1/catalog", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


async def test_a_part_that_has_changed_changes_the_whole(told: Standing) -> None:
    first = await told.client.get("/v1/catalog")
    told.contacts.answers(200, part("other"), etag='"other"')
    second = await told.client.get("/v1/catalog", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert names(second) == {"other", "opportunities", "activities"}


async def test_languages_are_kept_apart(told: Standing) -> None:
    await told.client.get("/v1/catalog", headers={"Accept-Language": "en"})
    await told.client.get("/v1/catalog", headers={"Accept-Language": "zh"})
    assert [seen.header("if-none-match") for seen in told.contacts.seen] == [None, None]


async def test_a_part_that_is_missing_is_named_and_found_again(told: Standing) -> None:
    await told.activities.kill()
    without = await told.client.get("/v1/catalog")
    assert without.json()["missing"] == [{"part": "activities", "reason": "unreachable"}]
    await told.activities.start()
    found = await told.client.get("/v1/catalog", headers={"If-None-Match": without.headers["etag"]})
    assert found.status_code == 200
    assert found.json()["missing"] == []


async def test_a_part_outlives_its_service(told: Standing) -> None:
    first = await told.client.get("/v1/catalog")
    await told.activities.kill()
    told.contacts.answers(503, b"{}")
    assert (await told.client.get("/v1/catalog")).content == first.content


async def test_what_a_service_refuses_is_refused(told: Standing) -> None:
    told.contacts.answers(403, b'{"code":"not_a_member"}', content_type="application/problem+json")
    answer = await told.client.get("/v1/catalog")
    assert (answer.status_code, answer.json()) == (403, {"code": "not_a_member"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_no_service_no_catalogue(told: Standing) -> None:
    for straw in told.straws.values():
        await straw.kill()
    assert_problem(await told.client.get("/v1/catalog"), 503, "upstream_unreachable")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
async def test_a_service_that_answers_nonsense_is_missing(body: bytes, told: Standing) -> None:
    told.contacts.answers(200, body)
    answer = await told.client.get("/v1/catalog")
    assert answer.json()["missing"] == [{"part": "contacts", "reason": "error"}]
    assert names(answer) == {"opportunities", "activities"}


async def test_the_catalogue_is_read_and_nothing_else(told: Standing) -> None:
    assert_problem(await told.client.post("/v1/catalog", json={}), 405, "method_not_allowed")
    assert_problem(await told.client.get("/v1/catalog/x"), 404, "not_found")
    assert_problem(await told.client.get("/v1/catalog", headers={"Authorization": ""}), 401, "token_missing")


async def test_the_gateways_own_refusals_are_in_the_readers_language(told: Standing) -> None:
    answer = await told.client.get("/v1/nothing", headers={"Accept-Language": "zh-CN"})
    assert assert_problem(answer, 404, "not_found")["title"] == "未找到"
    page = await told.client.get("/nothing", headers={"Accept-Language": "zh-CN"})
    assert assert_problem(page, 404, "not_found")["title"] == "未找到"
    assert answer.headers["content-language"] == page.headers["content-language"] == "zh-Hans"
