"""Deals on their way through the stages."""

import asyncio

import pytest

from services.opportunities.main import SERVICE
from services.opportunities.pipeline.schemas import MoveList
from tests.apis import api_of, as_
from tests.services.opportunities.conftest import House


async def moves_of(house: House, deal: str) -> MoveList:
    answer = await house.call("seller", "GET", f"/v1/opportunities/{deal}/moves")
    assert answer.status_code == 200, answer.text
    return MoveList.model_validate_json(answer.content)


async def test_a_deal_goes_forward_step_by_step_until_it_is_won(house: House) -> None:
    deal = await house.deal()
    won = await house.advance(deal["id"], "WON")
    assert (won["stage"], won["status"], won["version"]) == ("CONTRACTING", "WON", 6)
    assert won["closed_at"]
    assert won["closed_on"] == won["closed_at"][:10]
    assert await house.told(deal["id"]) == [
        "opportunity.created", "opportunity_standing.created",
        "opportunity.stage_changed", "opportunity_standing.updated",
        "opportunity.stage_changed", "opportunity_standing.updated",
        "opportunity.stage_changed", "opportunity_standing.updated",
        "opportunity.stage_changed", "opportunity_standing.updated",
        "opportunity.closed", "opportunity_standing.updated",
    ]  # fmt: skip
    moves = (await moves_of(house, deal["id"])).items
    assert [(move.origin, move.to) for move in moves] == [
        ("TARGETING", "ENGAGEMENT"), ("ENGAGEMENT", "SHORTLIST"), ("SHORTLIST", "BIDDING"),
        ("BIDDING", "CONTRACTING"), ("CONTRACTING", "WON"),
    ]  # fmt: skip
    assert {(move.moved_by, move.imported, move.origin_minutes) for move in moves} == {
        (house.members["seller"], False, 0)
    }


async def test_every_refused_move_says_which_field_is_wrong_and_leaves_no_event(house: House) -> None:
    deal = await house.deal(account_id=None)
    path = f"/v1/opportunities/{deal['id']}/stage"
    refused: list[tuple[dict[str, str], str, str]] = [
        ({"to": "BIDDING"}, "to", "not_from_here"),
        ({"to": "WON"}, "to", "not_from_here"),
        ({"to": "LOST"}, "reason_code", "required"),
        ({"to": "ABANDONED", "reason_code": "UNKNOWN"}, "reason_code", "required"),
        ({"to": "ENGAGEMENT", "reason_code": "PRICE"}, "reason_code", "not_wanted"),
        ({"to": "ENGAGEMENT", "moved_at": "2999-01-01T00:00:00Z"}, "moved_at", "in_future"),
        ({"to": "ENGAGEMENT", "moved_at": "1999-01-01T00:00:00Z"}, "moved_at", "before_last_move"),
        ({"to": "NOWHERE"}, "to", "enum"),
        ({}, "to", "missing"),
        ({"to": "ENGAGEMENT", "why": "x"}, "why", "extra_forbidden"),
    ]
    for body, field, code in refused:
        answer = await house.call("seller", "POST", path, body)
        assert answer.status_code == 422, (body, answer.text)
        assert (field, code) in [(e["field"], e["code"]) for e in answer.json()["errors"]], (
            body,
            answer.text,
        )
    there = await house.call("seller", "POST", path, {"to": "TARGETING"})
    assert (there.status_code, there.json()["code"]) == (409, "already_there")
    assert (await house.move("seller", deal["id"], "ENGAGEMENT")).status_code == 200
    beyond = await house.call("seller", "POST", path, {"to": "SHORTLIST"})
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (422, "account_id")
    assert (await house.told(deal["id"])).count("opportunity.stage_changed") == 1
    assert len((await moves_of(house, deal["id"])).items) == 1


async def test_going_back_and_reopening_want_a_note(house: House) -> None:
    deal = await house.deal()
    await house.advance(deal["id"], "BIDDING")
    silent = await house.move("seller", deal["id"], "TARGETING")
    assert (silent.status_code, silent.json()["errors"][0]["field"]) == (422, "note")
    back = await house.move("seller", deal["id"], "ENGAGEMENT", note="需求变了")
    assert back.json()["stage"] == "ENGAGEMENT"
    lost = await house.move("seller", deal["id"], "LOST", reason_code="PRICE")
    assert (lost.json()["status"], lost.json()["lost_reason"], lost.json()["stage"]) == (
        "LOST",
        "PRICE",
        "ENGAGEMENT",
    )
    beyond = await house.move("seller", deal["id"], "SHORTLIST", note="again")
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (422, "to")
    path = f"/v1/opportunities/{deal['id']}"
    await house.call("seller", "PATCH", path, {"lost_to": "Someone"}, if_match="*")
    again = (await house.move("seller", deal["id"], "TARGETING", note="again")).json()
    emptied = {again[name] for name in ("lost_reason", "lost_to", "closed_at", "closed_on")}
    assert (again["status"], again["stage"], emptied) == ("OPEN", "TARGETING", {None})
    assert (await moves_of(house, deal["id"])).items[-1].note == "again"


async def test_the_standing_goes_with_the_stage(house: House) -> None:
    async def probability() -> int:
        found = await house.rows("SELECT probability FROM opportunity_standing WHERE id = %s", deal["id"])
        return found[0][0]

    deal = await house.deal()
    assert await probability() == 7
    await house.advance(deal["id"], "CONTRACTING")
    assert await probability() == 63
    await house.move("seller", deal["id"], "WON")
    assert await probability() == 100


async def test_of_two_who_move_at_once_one_wins(house: House) -> None:
    deal = await house.deal()
    answers = await asyncio.gather(*(house.move("seller", deal["id"], "ENGAGEMENT") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert (await house.told(deal["id"])).count("opportunity.stage_changed") == 1
    different = await asyncio.gather(
        house.move("seller", deal["id"], "SHORTLIST"),
        house.move("seller", deal["id"], "LOST", reason_code="PRICE"),
    )
    assert 200 in {answer.status_code for answer in different}
    versions = await house.rows(
        "SELECT version FROM journal WHERE aggregate_id = %s AND aggregate = 'opportunity' ORDER BY id",
        deal["id"],
    )
    assert [row[0] for row in versions] == list(range(1, len(versions) + 1))


async def test_a_move_repeated_under_its_key_gives_the_first_answer(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}/stage"
    first = await house.call("seller", "POST", path, {"to": "ENGAGEMENT"}, key="k1")
    again = await house.call("seller", "POST", path, {"to": "ENGAGEMENT"}, key="k1")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"] == '"2"'
    other = await house.call("seller", "POST", path, {"to": "SHORTLIST"}, key="k1")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert (await house.told(deal["id"])).count("opportunity.stage_changed") == 1


async def test_requests_at_once_under_one_key_have_one_effect(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}/stage"
    moved = await asyncio.gather(
        *(house.call("seller", "POST", path, {"to": "ENGAGEMENT"}, key="k1") for _ in range(5))
    )
    assert {answer.status_code for answer in moved} == {200}, [answer.text for answer in moved]
    assert sum("idempotency-replayed" in answer.headers for answer in moved) == 4
    body = {"name": "once", "account_id": house.account}
    made = await asyncio.gather(
        *(house.call("seller", "POST", "/v1/opportunities", body, key="k2") for _ in range(5))
    )
    assert {answer.status_code for answer in made} == {201}
    assert len({answer.json()["id"] for answer in made}) == 1
    assert await house.rows("SELECT count(*) FROM opportunity WHERE name = 'once'") == [(1,)]
    assert await house.rows("SELECT count(*) FROM opportunity_standing") == [(2,)]


@pytest.mark.parametrize("who", ["stranger", "executive"])
async def test_who_may_not_change_a_deal_may_not_move_it(house: House, who: str) -> None:
    deal = await house.deal()
    answer = await house.move(who, deal["id"], "ENGAGEMENT")
    assert answer.status_code == {"stranger": 404, "executive": 403}[who]
    assert await house.told(deal["id"]) == ["opportunity.created", "opportunity_standing.created"]


async def test_what_day_it_is_the_organisation_decides(house: House) -> None:
    given = {"organisation_timezone": "Asia/Shanghai", "organisation_currency": "CNY"}
    async with api_of(SERVICE, house.url, house.callers, given=given) as client:
        body = {"name": "x", "stage_entered_at": "2026-01-05T23:30:00Z"}
        made = await client.post("/v1/opportunities", json=body, headers=as_("seller"))
        deal = made.json()
        assert (deal["stage_entered_on"], deal["currency"]) == ("2026-01-06", "CNY")
        move = {"to": "LOST", "reason_code": "PRICE", "moved_at": "2026-01-07T16:30:00Z"}
        moved = await client.post(f"/v1/opportunities/{deal['id']}/stage", json=move, headers=as_("seller"))
        assert moved.json()["closed_on"] == "2026-01-08"
        shown = await client.get(f"/v1/opportunities/{deal['id']}/moves", headers=as_("seller"))
        assert shown.json()["items"][0]["moved_on"] == "2026-01-08"
