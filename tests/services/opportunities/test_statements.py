"""How many statements each endpoint costs; BEGIN and COMMIT come on top where there are two or more that write."""

from services.kit.clock import instant, now
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House, person


async def counted(house: House, method: str, path: str, body: object = None, **headers: str) -> int:
    house.statements.clear()
    answer = await house.call("seller", method, path, body, **headers)
    assert answer.status_code < 300, (method, path, answer.text)
    return len(house.statements)


async def test_every_endpoint_costs_what_it_should(house: House) -> None:
    deal = (await house.deal())["id"]
    path, people = f"/v1/opportunities/{deal}", f"/v1/opportunities/{deal}/stakeholders"
    product = await house.sell("GTX")
    one = f"{people}/{house.people[0]}"
    user = {"roles": ["USER"], "influence": "H"}
    new = {
        "name": "x",
        "account_id": house.account,
        "sponsor_contact_id": house.people[0],
        "product_id": product,
    }
    whole = {"items": [person(each, "USER", "NEUTRAL") for each in house.people]}
    asked: list[tuple[str, str, object, int]] = [
        ("GET", "/v1/opportunities", None, 1),
        ("GET", "/v1/opportunities?count=true&q=x&sort=amount", None, 1),
        ("POST", "/v1/opportunities", new, 1),
        ("PUT", "/v1/opportunities/by-external-id/crm/1", new, 2),
        ("PUT", "/v1/opportunities/by-external-id/crm/1", new | {"amount": 5}, 2),
        ("GET", "/v1/opportunities/summary", None, 1),
        ("POST", "/v1/opportunities/lookup", {"ids": [deal, NOWHERE]}, 1),
        ("GET", path, None, 1),
        ("GET", f"{path}?as_of={instant(now())}", None, 1),
        ("GET", f"{path}/history", None, 1),
        ("PATCH", path, {"amount": 1, "account_id": house.account}, 1),
        ("POST", f"{path}/stage", {"to": "ENGAGEMENT"}, 2),
        ("GET", f"{path}/moves", None, 1),
        ("PUT", one, user, 2),
        ("PUT", one, user | {"stance": "FRIEND"}, 2),
        ("GET", one, None, 1),
        ("GET", f"{one}/history", None, 1),
        ("PUT", people, whole, 3),
        ("GET", people, None, 2),
        ("DELETE", one, None, 2),
        ("GET", f"{path}/relationship", None, 1),
        ("POST", "/v1/relationship/evaluate", {"stage": "BIDDING", "people": []}, 0),
        ("GET", f"/v1/accounts/{house.account}/view", None, 1),
        ("GET", "/v1/changes", None, 1),
        ("GET", "/v1/products", None, 1),
        ("GET", f"/v1/products/{product}", None, 1),
        ("GET", f"/v1/products/{product}?as_of={instant(now())}", None, 1),
        ("GET", f"/v1/products/{product}/history", None, 1),
        ("POST", "/v1/products/lookup", {"ids": [product]}, 1),
    ]
    for method, target, body, most in asked:
        on = {} if "by-external-id" in target else {"if_match": "*"}
        assert await counted(house, method, target, body, **on) == most, (method, target)


async def test_a_key_costs_no_statement_but_with_a_whole_map(house: House) -> None:
    deal = (await house.deal())["id"]
    path = f"/v1/opportunities/{deal}"
    assert await counted(house, "POST", "/v1/opportunities", {"name": "x"}, key="1") == 1
    assert await counted(house, "POST", f"{path}/stage", {"to": "ENGAGEMENT"}, key="2") == 2
    assert await counted(house, "PATCH", path, {"amount": 1}, key="3", if_match="*") == 1
    whole = {"items": [person(house.people[0], "USER", "NEUTRAL")]}
    assert await counted(house, "PUT", f"{path}/stakeholders", whole, key="4") == 4
