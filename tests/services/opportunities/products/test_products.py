"""Products over HTTP: everybody reads them, administrators write them."""

from services.opportunities.products.schemas import ProductList, ProductRead
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House


async def test_products_are_listed_shown_and_looked_up(house: House) -> None:
    ids = {name: await house.sell(name) for name in ("MG Special", "GTX Pro")}
    listed = await house.call("stranger", "GET", "/v1/products?count=true")
    assert ProductList.model_validate_json(listed.content).total == 2
    assert [row["name"] for row in listed.json()["items"]] == ["GTX Pro", "MG Special"]
    path = f"/v1/products/{ids['GTX Pro']}"
    shown = await house.call("stranger", "GET", path)
    assert ProductRead.model_validate_json(shown.content).list_price == 5500
    assert shown.headers["etag"] == '"1"'
    found = await house.call("stranger", "POST", "/v1/products/lookup", {"ids": [*ids.values(), NOWHERE]})
    assert {row["id"] for row in found.json()["items"]} == set(ids.values())
    assert await house.told(ids["GTX Pro"]) == ["product.created"]
    some = await house.call("seller", "GET", "/v1/products?series=MG&list_price[gt]=5000&name[prefix]=mg")
    assert [row["name"] for row in some.json()["items"]] == ["MG Special"]


async def test_an_administrator_adds_and_changes_products(house: House) -> None:
    body = {"name": " GTX Pro ", "list_price": 4821, "external_ids": {"erp": "7"}}
    made = await house.call("admin", "POST", "/v1/products", body, key="k")
    row = ProductRead.model_validate_json(made.content)
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/products/{row.id}"), made.text
    assert (row.name, row.series, row.list_price, row.currency) == ("GTX Pro", None, 4821, "USD")
    again = await house.call("admin", "POST", "/v1/products", body, key="k")
    assert (again.content, again.headers["location"]) == (made.content, made.headers["location"])
    path = made.headers["location"]
    patch = {"series": "GTX", "list_price": None, "external_ids": {"erp": None, "crm": "1"}}
    assert (await house.call("admin", "PATCH", path, patch)).status_code == 428
    changed = await house.call("admin", "PATCH", path, patch, if_match='"1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"'), changed.text
    assert (changed.json()["series"], changed.json()["list_price"]) == ("GTX", None)
    assert changed.json()["external_ids"] == {"crm": "1"}
    late = await house.call("admin", "PATCH", path, {"name": "x"}, if_match='"1"')
    assert (late.status_code, late.json()["current"], late.headers["etag"]) == (412, changed.json(), '"2"')
    assert await house.told(str(row.id)) == ["product.created", "product.updated"]


async def test_who_is_no_administrator_does_not_write_products(house: House) -> None:
    path = f"/v1/products/{await house.sell('MG Special')}"
    for who in ("seller", "boss", "marketing", "executive", "reporting"):
        for method, target in (("POST", "/v1/products"), ("PATCH", path)):
            refused = await house.call(who, method, target, {"name": "x"}, if_match="*")
            assert (refused.status_code, refused.json()["code"]) == (403, "admin_only")
    assert (await house.call("seller", "GET", path)).json()["name"] == "MG Special"


async def test_a_product_that_is_not_there_is_no_reference(house: House) -> None:
    assert (await house.call("seller", "GET", f"/v1/products/{NOWHERE}")).status_code == 404
    refused = await house.call("seller", "POST", "/v1/opportunities", {"name": "x", "product_id": NOWHERE})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "product_id")
