"""The deals of an account, as its view shows them."""

from services.opportunities.overview.schemas import AccountView
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House, person


async def test_the_open_deals_of_an_account_are_shown_with_how_we_stand(house: House) -> None:
    first = await house.deal(name="a", amount=1000, expected_close_on="2027-01-01")
    second = await house.deal(name="b", amount=None)
    lost = await house.deal(name="c", amount=5)
    await house.deal(name="elsewhere", account_id=None)
    await house.move("seller", lost["id"], "LOST", reason_code="PRICE")
    await house.draw(
        first["id"],
        person(house.people[0], "DECISION_MAKER", "FRIEND"),
        person(house.people[1], "USER", "NEUTRAL"),
    )
    house.statements.clear()
    answer = await house.call("seller", "GET", f"/v1/accounts/{house.account}/view")
    assert len(house.statements) == 1
    assert AccountView.model_validate_json(answer.content)
    view = answer.json()
    assert view["deals"][0] == {
        "id": first["id"], "name": "a", "stage": "TARGETING", "amount": 1000, "currency": "USD", "probability": 11,
        "owner_id": house.members["seller"], "expected_close_on": "2027-01-01",
        "relationship": {
            "score": 64, "rating": "SOLID", "foothold": "STRONG",
            "next_move": {"code": "NM4", "contact_ids": [house.people[1]]},
        },
    }  # fmt: skip
    assert [deal["id"] for deal in view["deals"]] == [first["id"], second["id"]]
    assert view["totals"] == [
        {"stage": "TARGETING", "currency": "USD", "count": 2, "amount": 1000, "weighted_amount": 110}
    ]


async def test_totals_are_by_stage_and_currency_and_round_deal_by_deal(house: House) -> None:
    for amount, currency in ((50, "USD"), (50, "USD"), (7, "CNY")):
        await house.deal(amount=amount, currency=currency)
    further = await house.deal(amount=100)
    await house.move("seller", further["id"], "ENGAGEMENT")
    totals = (await house.call("seller", "GET", f"/v1/accounts/{house.account}/view")).json()["totals"]
    # 7 per cent of 50 is 3.5, and of two such deals 8; 7 per cent of 7 is nothing; 18 per cent of 100 is 18.
    assert totals == [
        {"stage": "ENGAGEMENT", "currency": "USD", "count": 1, "amount": 100, "weighted_amount": 18},
        {"stage": "TARGETING", "currency": "CNY", "count": 1, "amount": 7, "weighted_amount": 0},
        {"stage": "TARGETING", "currency": "USD", "count": 2, "amount": 100, "weighted_amount": 8},
    ]


async def test_who_may_not_know_whom_sees_the_next_move_without_people(house: House) -> None:
    deal = await house.deal()
    await house.draw(deal["id"], person(house.people[0], "USER", "NEUTRAL"))
    path = f"/v1/accounts/{house.account}/view"
    for who, ids in {
        "teammate": house.people[:1],
        "boss": house.people[:1],
        "admin": house.people[:1],
    }.items():
        move = (await house.call(who, "GET", path)).json()["deals"][0]["relationship"]["next_move"]
        assert move == {"code": "NM1", "contact_ids": ids}, who
    for who in ("executive", "marketing", "reporting"):
        move = (await house.call(who, "GET", path)).json()["deals"][0]["relationship"]["next_move"]
        assert move == {"code": "NM1", "contact_ids": []}, who


async def test_an_account_without_deals_is_shown_empty_and_an_unknown_one_not_at_all(house: House) -> None:
    path = f"/v1/accounts/{house.account}/view"
    assert (await house.call("seller", "GET", path)).json() == {"deals": [], "totals": []}
    assert (await house.call("stranger", "GET", path)).status_code == 404
    assert (await house.call("admin", "GET", f"/v1/accounts/{NOWHERE}/view")).status_code == 404


async def test_of_very_many_deals_the_largest_are_shown_and_all_are_counted(house: House) -> None:
    for amount in (None, *range(1, 202)):
        await house.deal(amount=amount)
    view = (await house.call("seller", "GET", f"/v1/accounts/{house.account}/view")).json()
    assert [deal["amount"] for deal in view["deals"]] == [*range(201, 1, -1)]
    [total] = view["totals"]
    assert (total["count"], total["amount"]) == (202, sum(range(1, 202)))
