"""Requests that make no sense: a problem that names the field, never a 500, nothing half-written."""

from typing import Any

import pytest

from tests.apis import as_
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House, person

DEALS = "/v1/opportunities"


async def refused(answer: Any, status: int, field: str | None = None) -> None:
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"} <= problem.keys()
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]], answer.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"colour": "red"}, "colour"),
        ({"stage": "WON"}, "stage"),
        ({"status": "OPEN"}, "status"),
        ({"amount": -1}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"amount": 10**30}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "100"}, "amount"),
        ({"amount": True}, "amount"),
        ({"contract_amount": -1}, "contract_amount"),
        ({"currency": "usd"}, "currency"),
        ({"currency": None}, "currency"),
        ({"expected_close_on": "2026-02-30"}, "expected_close_on"),
        ({"expected_close_on": 1767225600}, "expected_close_on"),
        ({"expected_close_on": "2026-01-01T00:00:00Z"}, "expected_close_on"),
        ({"tender_issued_at": "2026-01-01T00:00:00"}, "tender_issued_at"),
        ({"tender_issued_at": "2999-01-01T00:00:00Z"}, "tender_issued_at"),
        ({"stage_entered_at": "2999-01-01T00:00:00Z"}, "stage_entered_at"),
        ({"bid_deadline_at": 5}, "bid_deadline_at"),
        ({"probability_override": 101}, "probability_override"),
        ({"credit_days": -1}, "credit_days"),
        ({"credit_days": 2**31}, "credit_days"),
        ({"procurement_mode": "AUCTION"}, "procurement_mode"),
        ({"no_known_competitor": "yes"}, "no_known_competitor"),
        ({"go_decision": None}, "go_decision"),
        ({"account_id": "me"}, "account_id"),
        ({"account_id": NOWHERE}, "account_id"),
        ({"product_id": NOWHERE}, "product_id"),
        ({"need_summary": "x" * 4001}, "need_summary"),
        ({"external_ids": {"CRM": "1"}}, "external_ids.CRM.[key]"),
        ({"external_ids": {"crm": 1}}, "external_ids.crm"),
    ],
)
async def test_a_deal_that_cannot_be_is_refused_by_name_made_or_changed(
    house: House, change: dict[str, Any], field: str
) -> None:
    deal = await house.deal(account_id=None)
    await refused(await house.call("seller", "POST", DEALS, {"name": "x"} | change), 422, field)
    await refused(
        await house.call("seller", "PATCH", f"{DEALS}/{deal['id']}", change, if_match="*"), 422, field
    )
    assert await house.rows("SELECT count(*), max(version) FROM opportunity") == [(1, 1)]
    assert await house.rows("SELECT count(*) FROM journal") == [(2,)]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"name": "x", "amount": NaN}', 422, "body"),
        (b'{"name": "x", "amount": Infinity}', 422, "body"),
        (b'{"name": "x", "amount": 1e999}', 422, "body"),
        (b'{"name": "a", "name": "b"}', 422, "name"),
        (b'{"name": "a\\u0000b"}', 422, "name"),
        (b'{"name": "\\ud800"}', 422, "name"),
        (b'{"name": ', 400, None),
        (b"\xff\xfe", 400, None),
        (b"[" * 5000, 400, None),
        (b"[]", 422, "body"),
        (b"null", 422, "body"),
        (b'"x"', 422, "body"),
        (b"", 422, "body"),
        (b'{"name": "' + b"x" * 10_000_000 + b'"}', 413, None),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    house: House, body: bytes, status: int, field: str | None
) -> None:
    deal = await house.deal()
    headers = as_("seller", if_match="*") | {"content-type": "application/json"}
    for method, path in (("POST", DEALS), ("PATCH", f"{DEALS}/{deal['id']}")):
        await refused(await house.client.request(method, path, content=body, headers=headers), status, field)
    assert await house.rows("SELECT count(*) FROM journal") == [(2,)]


async def test_other_media_types_are_refused(house: House) -> None:
    headers = as_("seller") | {"content-type": "text/plain"}
    await refused(await house.client.request("POST", DEALS, content=b'{"name": "x"}', headers=headers), 415)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"roles": []}, "roles"),
        ({"roles": ["USER", "USER"]}, "roles"),
        ({"roles": "USER"}, "roles"),
        ({"roles": ["KING"]}, "roles.0"),
        ({"influence": "XL"}, "influence"),
        ({"stance": None}, "stance"),
        ({"degree": 0}, "degree"),
        ({"degree": "2"}, "degree"),
        ({"stance_reason": "MOOD"}, "stance_reason"),
        ({"stance_note": ""}, "stance_note"),
        ({"stance_confirmed_at": "2999-01-01T00:00:00Z"}, "stance_confirmed_at"),
        ({"weight": 5}, "weight"),
        ({"version": 1}, "version"),
    ],
)
async def test_a_person_who_cannot_stand_so_is_refused_alone_and_on_a_whole_map(
    house: House, change: dict[str, Any], field: str
) -> None:
    deal = (await house.deal())["id"]
    people = f"{DEALS}/{deal}/stakeholders"
    item = person(house.people[0], "USER", "NEUTRAL") | change
    alone = {name: value for name, value in item.items() if name != "contact_id"}
    await refused(await house.call("seller", "PUT", f"{people}/{house.people[0]}", alone), 422, field)
    items = {"items": [person(house.people[1], "USER"), item]}
    await refused(await house.call("seller", "PUT", people, items), 422, f"items.1.{field}")
    assert await house.rows("SELECT count(*) FROM stakeholder") == [(0,)]


async def test_a_whole_map_names_each_person_once_and_not_too_many(house: House) -> None:
    deal = (await house.deal())["id"]
    people = f"{DEALS}/{deal}/stakeholders"
    twice = {"items": [person(house.people[0], "USER"), person(house.people[0], "COACH")]}
    await refused(await house.call("seller", "PUT", people, twice), 422, "items")
    many = {"items": [person(NOWHERE[:-3] + f"{n:03}", "USER") for n in range(501)]}
    await refused(await house.call("seller", "PUT", people, many), 422, "items")
    await refused(await house.call("seller", "PUT", people, {"people": []}), 422, "people")


async def test_ids_and_headers_that_are_none_are_refused_by_name(house: House) -> None:
    deal = (await house.deal())["id"]
    await refused(await house.call("seller", "GET", f"{DEALS}/me"), 422, "id")
    await refused(await house.call("seller", "GET", f"{DEALS}/{deal}/stakeholders/me"), 422, "contact_id")
    await refused(await house.call("seller", "GET", f"{DEALS}/{NOWHERE}"), 404)
    for tag in ("2", '"x"', '"1", "2"'):
        answer = await house.call("seller", "PATCH", f"{DEALS}/{deal}", {"amount": 1}, if_match=tag)
        await refused(answer, 422, "If-Match")
    long = await house.call("seller", "POST", DEALS, {"name": "x"}, key="k" * 256)
    await refused(long, 422, "Idempotency-Key")
    await refused(await house.call("seller", "GET", f"{DEALS}/{deal}?fields=id"), 422, "fields")
    await refused(await house.call("seller", "GET", f"{DEALS}/{deal}/moves?limit=1"), 422, "limit")
    await refused(await house.call("nobody", "GET", DEALS), 401)
    await refused(await house.call("seller", "GET", "/v1/deals"), 404)


@pytest.mark.parametrize(
    "body",
    [{"ids": [NOWHERE] * 501}, {"ids": ["x"]}, {"names": []}, {"external_ids": [{"source": "crm"}]}],
)
async def test_lookups_are_bounded(house: House, body: dict[str, Any]) -> None:
    for noun in ("opportunities", "products"):
        await refused(await house.call("seller", "POST", f"/v1/{noun}/lookup", body), 422)


async def test_deals_are_looked_up_by_external_id(house: House) -> None:
    deal = await house.deal(external_ids={"crm": "A-1"})
    wanted = {"external_ids": [{"source": "crm", "id": "A-1"}, {"source": "crm", "id": "A-2"}]}
    found = await house.call("seller", "POST", f"{DEALS}/lookup", wanted)
    assert [row["id"] for row in found.json()["items"]] == [deal["id"]]
    assert (await house.call("stranger", "POST", f"{DEALS}/lookup", wanted)).json() == {"items": []}


async def test_a_history_of_moves_that_grows_too_large_is_refused_whole(house: House) -> None:
    deal = (await house.deal())["id"]
    statuses: list[int] = []
    for number in range(40):
        to = "ENGAGEMENT" if number % 2 == 0 else "TARGETING"
        answer = await house.move("seller", deal, to, note="长" * 4000)
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            await refused(answer, 422, "body")
            break
    assert statuses[-1] == 422
    row = (await house.call("seller", "GET", f"{DEALS}/{deal}")).json()
    assert row["version"] == len(statuses)
