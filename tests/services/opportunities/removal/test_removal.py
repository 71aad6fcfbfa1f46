"""Deletes and restorations of deals and products, and what hangs on an account that is deleted elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.kit.ids import new_id
from tests.problems import assert_problem
from tests.services.opportunities.conftest import House, member, person


async def drawn(house: House) -> str:
    """A deal's path, with three people who support us on its map."""
    path = f"/v1/opportunities/{(await house.deal())['id']}"
    roles = ("DECISION_MAKER", "EVALUATOR", "USER")
    people = [person(one, role, "SUPPORTER") for one, role in zip(house.people, roles, strict=False)]
    await house.draw(path[-36:], *people)
    return path


async def ok(house: House, who: str, method: str, path: str, **headers: str) -> Any:
    answer = await house.call(who, method, path, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def meet(house: House) -> None:
    """Tells of a meeting of two people, which links them on maps."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    met: dict[str, Any] = {"status": "DONE", "contact_ids": list(house.people[:2]), "started_at": yesterday}
    await house.hear("activity", "completed", **met)


async def account_is(house: House, fact: str, version: int) -> None:
    """Tells what has happened to the account."""
    seller = house.members["seller"]
    told: dict[str, Any] = {"name": "云山电网", "owner_id": seller, "team": [], "external_ids": {}}
    await house.hear("account", fact, version, id=house.account, **told)


async def test_a_deal_takes_its_map_along_and_brings_it_back(house: House) -> None:
    path = await drawn(house)
    one = f"{path}/stakeholders/{house.people[2]}"
    assert (await house.call("seller", "DELETE", one, if_match="*")).status_code == 204
    told = await ok(house, "seller", "DELETE", path, if_match="*")
    counts = {each["noun"]: each["count"] for each in told["dependants"] if each["meaning"] == "FOLLOW"}
    assert counts == {"stakeholders": 2, "opportunity-standings": 1}
    for read in ("", "/stakeholders", "/moves", "/relationship"):
        assert_problem(await house.call("admin", "GET", path + read), 404, "not_found")
    assert (await ok(house, "admin", "GET", "/v1/opportunities?count=true"))["total"] == 0
    assert (await ok(house, "seller", "GET", "/v1/opportunities/summary"))["items"] == []
    await meet(house)
    await ok(house, "seller", "POST", f"{path}/restoration")
    on_map = (await ok(house, "seller", "GET", f"{path}/stakeholders"))["items"]
    assert {each["contact_id"] for each in on_map} == set(house.people[:2])
    fresh = await ok(house, "seller", "GET", f"{path}/relationship")
    [kept] = await house.rows(
        "SELECT network, deleted_at FROM opportunity_standing WHERE id = %s", path[-36:]
    )
    assert kept == (fresh["network"], None)
    assert kept[0] != "NONE"


async def test_deals_are_deleted_by_their_owner_the_managers_above_and_admin(house: House) -> None:
    for who in ("seller", "boss", "admin"):
        path = f"/v1/opportunities/{(await house.deal())['id']}"
        assert_problem(await house.call("teammate", "DELETE", path, if_match="*"), 403, "not_yours_to_edit")
        assert_problem(await house.call("stranger", "DELETE", path, if_match="*"), 404, "not_found")
        await ok(house, who, "DELETE", path, if_match="*")
        assert_problem(await house.call("stranger", "POST", f"{path}/restoration"), 404, "not_found")
        assert_problem(await house.call("teammate", "POST", f"{path}/restoration"), 403, "not_yours_to_edit")
        await ok(house, who, "POST", f"{path}/restoration")


async def test_an_open_deal_is_not_restored_to_a_deleted_owner(house: House) -> None:
    lost = f"/v1/opportunities/{(await house.deal())['id']}"
    assert (await house.move("seller", lost[-36:], "LOST", reason_code="PRICE")).status_code == 200
    still = f"/v1/opportunities/{(await house.deal())['id']}"
    for path in (lost, still):
        await ok(house, "seller", "DELETE", path, if_match="*")
    gone = member("seller", house.members["seller"], house.members["boss"])
    await house.hear("member", "deleted", 2, **gone)
    assert_problem(await house.call("admin", "POST", f"{still}/restoration"), 409, "owner_deleted")
    await ok(house, "admin", "POST", f"{lost}/restoration")
    await house.hear("member", "restored", 3, **gone)
    await ok(house, "admin", "POST", f"{still}/restoration")


async def test_deals_go_on_naming_a_deleted_product(house: House) -> None:
    product = await house.sell("GTX")
    deal = await house.deal(product_id=product)
    path = f"/v1/products/{product}"
    assert_problem(await house.call("seller", "DELETE", path, if_match="*"), 403, "admin_only")
    await ok(house, "admin", "DELETE", path, if_match="*")
    assert_problem(await house.call("seller", "GET", path), 404, "not_found")
    assert (await ok(house, "seller", "GET", f"/v1/opportunities/{deal['id']}"))["product_id"] == product
    refused = await house.call("seller", "POST", "/v1/opportunities", {"name": "x", "product_id": product})
    assert assert_problem(refused, 422, "invalid")["errors"][0]["field"] == "product_id"
    await ok(house, "admin", "POST", f"{path}/restoration")


async def test_what_hangs_on_a_deleted_account_is_hidden_until_it_is_back(house: House) -> None:
    path = await drawn(house)
    free = (await house.deal(account_id=None))["id"]
    other = (await house.deal(account_id=await house.open_account("seller")))["id"]
    await account_is(house, "deleted", 2)
    for who in ("seller", "admin", "executive"):
        for read in ("", "/moves", "/relationship"):
            assert_problem(await house.call(who, "GET", path + read), 404, "not_found")
        listed = await ok(house, who, "GET", "/v1/opportunities?count=true")
        assert {each["id"] for each in listed["items"]} == {other, free}
        at_account = f"/v1/opportunities?account_id={house.account}&count=true"
        assert (await ok(house, who, "GET", at_account))["total"] == 0
        found = await house.call(who, "POST", "/v1/opportunities/lookup", {"ids": [path[-36:], other]})
        assert [each["id"] for each in found.json()["items"]] == [other]
        sums = (await ok(house, who, "GET", "/v1/opportunities/summary"))["items"]
        assert sum(each["count"] for each in sums) == len(listed["items"])
        assert_problem(await house.call(who, "GET", f"{path}/stakeholders"), 404, "not_found")
    for who in ("seller", "admin"):
        assert_problem(await house.call(who, "PATCH", path, {"name": "x"}, if_match="*"), 404, "not_found")
        assert_problem(await house.call(who, "DELETE", path, if_match="*"), 404, "not_found")
        assert_problem(await house.move(who, path[-36:], "ENGAGEMENT"), 404, "not_found")
    await account_is(house, "restored", 3)
    await ok(house, "seller", "GET", path)
    assert len((await ok(house, "seller", "GET", f"{path}/stakeholders"))["items"]) == 3


async def test_what_is_held_about_a_person_is_for_those_who_know_stances(house: House) -> None:
    path = await drawn(house)
    name = "李雷"
    told = {"need_summary": f"{name}要求", "lost_to": "nobody"}
    assert (await house.call("seller", "PATCH", path, told, if_match="*")).status_code == 200
    person_path = f"/v1/contacts/{house.people[0]}/personal-data"
    for who in ("seller", "boss", "teammate", "admin"):
        held = await ok(house, who, "GET", person_path)
        assert held["known_to_opportunities"]["name"] == name
        assert [each["contact_id"] for each in held["stakeholders"]] == [house.people[0]]
        assert held["mentions_in_opportunities"] == [
            {"noun": "opportunities", "id": path[-36:], "field": "need_summary", "past": False}
        ]
    for who in ("stranger", "executive", "marketing", "reporting"):
        assert_problem(await house.call(who, "GET", person_path), 404, "not_found")
    assert_problem(
        await house.call("admin", "GET", f"/v1/contacts/{new_id()}/personal-data"), 404, "not_found"
    )
