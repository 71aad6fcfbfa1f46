"""Deals over HTTP, on a real database."""

from typing import Any

import pytest

from services.opportunities.pipeline.schemas import MoveList, OpportunityList, OpportunityRead
from tests.services.opportunities.conftest import House

FULL: dict[str, Any] = {
    "amount": 125_000_000, "currency": "CNY", "expected_close_on": "2027-03-31", "procurement_mode": "PUBLIC_TENDER",
    "buy_class": "NEW_TASK", "need_summary": "减少停电", "budget_status": "APPROVED", "funding_source": "技改资金",
    "entry_strategy": "MIDDLE_OUT", "tactic": "FLANK", "probability_override": 40, "go_decision": "GO",
    "shortlisted_at": "2026-03-01T08:00:00+08:00", "shortlist_evidence": "入围通知",
    "tender_issued_at": "2026-03-02T00:00:00Z", "bid_deadline_at": "2030-01-01T00:00:00Z",
    "bid_submitted_at": "2026-03-03T00:00:00Z", "award_status": "PREFERRED",
    "contract_signed_at": "2026-03-04T00:00:00Z", "contract_amount": 120_000_000, "credit_days": 60,
    "credit_limit": 5_000_000, "no_known_competitor": True, "lost_to": "Someone", "external_ids": {"crm": "A-1"},
}  # fmt: skip


async def test_a_deal_belongs_to_its_creator_and_begins_in_targeting(house: House) -> None:
    made = await house.call("seller", "POST", "/v1/opportunities", {"name": "变电站改造"})
    assert made.status_code == 201, made.text
    deal = OpportunityRead.model_validate_json(made.content)
    assert (str(deal.owner_id), deal.stage, deal.status) == (house.members["seller"], "TARGETING", "OPEN")
    assert deal.account_id is None
    assert deal.currency == "USD"
    assert deal.stage_entered_at
    assert deal.stage_entered_on == deal.stage_entered_at.date()
    assert made.headers["etag"] == '"1"'
    seen = await house.call("seller", "GET", made.headers["location"])
    assert seen.content == made.content


async def test_the_bytes_are_what_the_schema_says(house: House) -> None:
    told = FULL | {
        "sponsor_contact_id": house.people[0],
        "go_by": house.members["boss"],
        "product_id": await house.sell("MG Special"),
    }
    deal = await house.deal(**told)
    assert OpportunityRead.model_validate(deal)
    assert list(deal) == list(_declared(OpportunityRead))
    kept = {name: deal[name] for name in told}
    assert kept == told | {
        "shortlisted_at": "2026-03-01T00:00:00.000000Z",
        "tender_issued_at": "2026-03-02T00:00:00.000000Z",
        "bid_deadline_at": "2030-01-01T00:00:00.000000Z",
        "bid_submitted_at": "2026-03-03T00:00:00.000000Z",
        "contract_signed_at": "2026-03-04T00:00:00.000000Z",
    }
    assert OpportunityList.model_validate((await house.call("seller", "GET", "/v1/opportunities")).json())


def _declared(model: type[OpportunityRead]) -> list[str]:
    """The model's own fields, then those that every row ends with."""
    ends = ["version", "created_at", "created_by", "updated_at", "updated_by"]
    return [name for name in model.model_fields if name not in ends] + ends


async def test_a_deal_is_born_with_its_standing_and_both_are_told(house: House) -> None:
    deal = await house.deal()
    assert await house.told(deal["id"]) == ["opportunity.created", "opportunity_standing.created"]
    entries = await house.rows(
        "SELECT aggregate, version, partition_key::text, changed, actor FROM journal"
        " WHERE aggregate_id = %s ORDER BY id",
        deal["id"],
    )
    seller = house.members["seller"]
    assert entries == [
        ("opportunity", 1, house.account, None, seller),
        ("opportunity_standing", 1, house.account, None, seller),
    ]
    assert await house.rows("SELECT count(*) FROM journal_queue") >= [(2,)]


async def test_a_deal_without_account_is_its_own_partition(house: House) -> None:
    deal = await house.deal(account_id=None)
    assert await house.rows(
        "SELECT DISTINCT partition_key::text FROM journal WHERE aggregate_id = %s", deal["id"]
    ) == [(deal["id"],)]


async def test_a_patch_merges_and_is_told_once(house: House) -> None:
    deal = await house.deal(amount=100, need_summary="旧")
    path = f"/v1/opportunities/{deal['id']}"
    changed = await house.call("seller", "PATCH", path, {"amount": 250, "need_summary": None}, if_match='"1"')
    assert changed.status_code == 200, changed.text
    assert (changed.json()["amount"], changed.json()["need_summary"], changed.json()["name"]) == (
        250,
        None,
        deal["name"],
    )
    assert changed.headers["etag"] == '"2"'
    found = await house.rows(
        "SELECT changed FROM journal WHERE aggregate_id = %s AND type = 'opportunity.updated'", deal["id"]
    )
    assert found == [({"amount": {"from": 100, "to": 250}, "need_summary": {"from": "旧", "to": None}},)]


async def test_a_patch_that_says_nothing_new_is_no_version(house: House) -> None:
    deal = await house.deal(amount=100)
    path = f"/v1/opportunities/{deal['id']}"
    for body in ({"amount": 100}, {}):
        same = await house.call("seller", "PATCH", path, body, if_match='"1"')
        assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    assert await house.told(deal["id"]) == ["opportunity.created", "opportunity_standing.created"]


async def test_a_patch_of_external_ids_is_merged_source_by_source(house: House) -> None:
    deal = await house.deal(external_ids={"crm": "A-1", "erp": "9"})
    path = f"/v1/opportunities/{deal['id']}"
    patched = await house.call(
        "seller", "PATCH", path, {"external_ids": {"crm": "A-2", "erp": None}}, if_match="*"
    )
    assert patched.json()["external_ids"] == {"crm": "A-2"}
    taken = await house.call(
        "seller", "POST", "/v1/opportunities", {"name": "b", "external_ids": {"crm": "A-2"}}
    )
    assert (taken.status_code, taken.json()["code"]) == (409, "taken")


async def test_changes_say_which_version_they_were_made_on(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}"
    without = await house.call("seller", "PATCH", path, {"amount": 1})
    assert without.status_code == 428
    assert (await house.call("seller", "PATCH", path, {"amount": 1}, if_match='"1"')).status_code == 200
    late = await house.call("seller", "PATCH", path, {"amount": 2}, if_match='"1"')
    assert (late.status_code, late.json()["current"]["amount"], late.headers["etag"]) == (412, 1, '"2"')
    assert (await house.call("seller", "PATCH", path, {"amount": 2}, if_match="*")).status_code == 200


@pytest.mark.parametrize(
    "field", ["stage", "status", "lost_reason", "closed_at", "stage_entered_at", "moves", "version"]
)
async def test_what_moves_write_is_not_patched(house: House, field: str) -> None:
    deal = await house.deal()
    answer = await house.call(
        "seller", "PATCH", f"/v1/opportunities/{deal['id']}", {field: "WON"}, if_match="*"
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_an_account_can_be_taken_away_only_as_long_as_it_may_be_unknown(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}"
    assert (await house.call("seller", "PATCH", path, {"account_id": None}, if_match="*")).status_code == 200
    back = await house.call("seller", "PATCH", path, {"account_id": house.account}, if_match="*")
    assert back.json()["account_id"] == house.account
    await house.advance(deal["id"], "SHORTLIST")
    refused = await house.call("seller", "PATCH", path, {"account_id": None}, if_match="*")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "account_id")
    assert refused.json()["errors"][0]["code"] == "required"


async def test_who_owns_a_deal_may_hand_it_over(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}"
    to_teammate = {"owner_id": house.members["teammate"]}
    refused = await house.call("teammate", "PATCH", path, to_teammate, if_match="*")
    assert refused.status_code == 403
    kept = await house.call(
        "teammate", "PATCH", path, {"owner_id": house.members["seller"], "amount": 5}, if_match="*"
    )
    assert kept.status_code == 200, kept.text
    handed = await house.call("boss", "PATCH", path, to_teammate, if_match="*")
    assert handed.json()["owner_id"] == house.members["teammate"]
    unknown = await house.call("admin", "PATCH", path, {"owner_id": house.account}, if_match="*")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "owner_id")


async def test_deals_are_opened_for_oneself_or_those_below(house: House) -> None:
    async def opened(who: str, owner: str) -> int:
        body = {"name": "x", "owner_id": house.members[owner]}
        return (await house.call(who, "POST", "/v1/opportunities", body)).status_code

    assert await opened("boss", "seller") == 201
    assert await opened("admin", "stranger") == 201
    assert await opened("seller", "boss") == 403
    nobody = await house.call("admin", "POST", "/v1/opportunities", {"name": "x"})
    assert (nobody.status_code, nobody.json()["errors"][0]["field"]) == (422, "owner_id")
    for role in ("executive", "marketing", "reporting"):
        read_only = await house.call(role, "POST", "/v1/opportunities", {"name": "x"})
        assert (read_only.status_code, read_only.json()["code"]) == (403, "read_only_role")


async def test_a_deal_that_began_earlier_says_so(house: House) -> None:
    deal = await house.deal(stage_entered_at="2026-01-05T09:00:00Z")
    assert (deal["stage_entered_at"], deal["stage_entered_on"]) == (
        "2026-01-05T09:00:00.000000Z",
        "2026-01-05",
    )
    moved = await house.move("seller", deal["id"], "ENGAGEMENT", moved_at="2026-01-20T09:00:00Z")
    assert moved.json()["stage_entered_on"] == "2026-01-20"
    moves = MoveList.model_validate(
        (await house.call("seller", "GET", f"/v1/opportunities/{deal['id']}/moves")).json()
    )
    assert moves.items[0].origin_minutes == 15 * 24 * 60
