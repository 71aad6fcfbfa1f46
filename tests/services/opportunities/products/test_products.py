"""Products over HTTP: everybody reads them, nobody writes them here."""

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


async def test_products_are_not_written_here(house: House) -> None:
    id = await house.sell("MG Special")
    for method, path in (
        ("POST", "/v1/products"),
        ("PATCH", f"/v1/products/{id}"),
        ("DELETE", f"/v1/products/{id}"),
    ):
        assert (await house.call("admin", method, path, {"name": "x"}, if_match="*")).status_code == 405
    assert (await house.call("seller", "GET", f"/v1/products/{NOWHERE}")).status_code == 404
    refused = await house.call("seller", "POST", "/v1/opportunities", {"name": "x", "product_id": NOWHERE})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "product_id")
