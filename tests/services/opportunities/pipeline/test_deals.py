"""Deals over HTTP, on a real database."""

from tests.services.opportunities.conftest import House


async def test_a_deal_belongs_to_its_creator_and_begins_with_a_standing(house: House) -> None:
    house.statements.clear()
    made = await house.call("seller", "POST", "/v1/opportunities", {"name": "变电站改造", "account_id": house.account})
    assert made.status_code == 201, made.text
    assert len(house.statements) == 1
    deal = made.json()
    print(deal)
    assert await house.told(deal["id"]) == ["opportunity.created", "opportunity_standing.created"]
