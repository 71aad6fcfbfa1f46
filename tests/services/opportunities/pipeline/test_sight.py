"""Who sees which deal, and what open deals let their owners see."""

import pytest

from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House


async def test_a_deal_is_seen_by_its_account_its_owner_and_those_above(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}"
    everyone = {
        "seller": 200, "boss": 200, "teammate": 200, "stranger": 404,
        "admin": 200, "executive": 200, "marketing": 200, "reporting": 200,
    }  # fmt: skip
    for who, status in everyone.items():
        for sub in ("", "/moves", "/relationship"):
            answer = await house.call(who, "GET", path + sub)
            assert answer.status_code == status, (who, sub, answer.text)
        listed = (await house.call(who, "GET", "/v1/opportunities?count=true")).json()
        assert (len(listed["items"]), listed["total"]) == ((1, 1) if status == 200 else (0, 0)), who
        summed = (await house.call(who, "GET", "/v1/opportunities/summary")).json()["items"]
        assert len(summed) == (1 if status == 200 else 0), who
        found = await house.call(who, "POST", "/v1/opportunities/lookup", {"ids": [deal["id"]]})
        assert len(found.json()["items"]) == (1 if status == 200 else 0), who


async def test_a_deal_without_account_is_its_owners_and_those_aboves(house: House) -> None:
    deal = await house.deal(account_id=None)
    for who, status in {"seller": 200, "boss": 200, "teammate": 404, "stranger": 404, "admin": 200}.items():
        assert (await house.call(who, "GET", f"/v1/opportunities/{deal['id']}")).status_code == status, who


async def test_hidden_and_missing_look_the_same(house: House) -> None:
    deal = await house.deal()
    hidden = await house.call("stranger", "GET", f"/v1/opportunities/{deal['id']}")
    missing = await house.call("stranger", "GET", f"/v1/opportunities/{NOWHERE}")
    alike = [
        {n: v for n, v in a.json().items() if n not in ("instance", "request_id")} for a in (hidden, missing)
    ]
    assert alike[0] == alike[1]
    for method, body in (("PATCH", {"amount": 1}), ("POST", {"to": "ENGAGEMENT"})):
        path = f"/v1/opportunities/{deal['id']}" + ("/stage" if method == "POST" else "")
        assert (await house.call("stranger", method, path, body, if_match="*")).status_code == 404


@pytest.mark.parametrize("role", ["executive", "marketing", "reporting"])
async def test_roles_that_see_everything_change_only_what_they_own(house: House, role: str) -> None:
    await house.hire("reader", role)
    deal = await house.deal()
    refused = await house.call(
        "reader", "PATCH", f"/v1/opportunities/{deal['id']}", {"amount": 1}, if_match="*"
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "not_yours_to_edit")
    own = (
        await house.call(
            "admin", "POST", "/v1/opportunities", {"name": "x", "owner_id": house.members["reader"]}
        )
    ).json()
    changed = await house.call(
        "reader", "PATCH", f"/v1/opportunities/{own['id']}", {"amount": 1}, if_match="*"
    )
    assert changed.status_code == 200, changed.text


async def test_the_owner_of_an_open_deal_sees_the_account_until_it_closes(house: House) -> None:
    async def sees() -> bool:
        answer = await house.call("stranger", "GET", f"/v1/accounts/{house.account}/view")
        assert answer.status_code in (200, 404)
        return answer.status_code == 200

    other = await house.deal()
    body = {"name": "x", "account_id": house.account, "owner_id": house.members["stranger"]}
    deal = (await house.call("admin", "POST", "/v1/opportunities", body)).json()
    assert await sees()
    assert (await house.call("stranger", "GET", f"/v1/opportunities/{other['id']}")).status_code == 200
    await house.move("admin", deal["id"], "LOST", reason_code="PRICE")
    assert not await sees()
    assert (await house.call("stranger", "GET", f"/v1/opportunities/{other['id']}")).status_code == 404
    assert (await house.call("stranger", "GET", f"/v1/opportunities/{deal['id']}")).status_code == 200
    await house.move("admin", deal["id"], "TARGETING", note="again")
    assert await sees()
    path = f"/v1/opportunities/{deal['id']}"
    await house.call("admin", "PATCH", path, {"owner_id": house.members["seller"]}, if_match="*")
    assert not await sees()
    assert (await house.call("stranger", "GET", path)).status_code == 404


async def test_who_has_no_member_and_no_standing_role_is_told_so(house: House) -> None:
    house.callers.add("guest", "rep")
    answer = await house.call("guest", "GET", "/v1/opportunities")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_member")


async def test_who_sees_everything_and_sells_besides_changes_what_sellers_see(house: House) -> None:
    await house.hire("both", "marketing", "rep")
    theirs = await house.deal()
    own = (await house.call("both", "POST", "/v1/opportunities", {"name": "x"})).json()
    assert (await house.call("both", "GET", f"/v1/opportunities/{theirs['id']}")).status_code == 200
    for deal, status in ((theirs, 403), (own, 200)):
        path = f"/v1/opportunities/{deal['id']}"
        assert (await house.call("both", "PATCH", path, {"amount": 1}, if_match="*")).status_code == status
        assert (await house.move("both", deal["id"], "ENGAGEMENT")).status_code == status


async def test_who_may_hand_over_may_not_for_that_edit(house: House) -> None:
    await house.hire("chief", "executive")
    await house.hire("below", manager="chief")
    deal = (await house.call("below", "POST", "/v1/opportunities", {"name": "x"})).json()
    path = f"/v1/opportunities/{deal['id']}"
    both = {"owner_id": house.members["stranger"], "amount": 1}
    assert (await house.call("chief", "PATCH", path, both, if_match="*")).status_code == 403
    handed = await house.call("chief", "PATCH", path, {"owner_id": house.members["stranger"]}, if_match="*")
    assert handed.status_code == 200, handed.text
