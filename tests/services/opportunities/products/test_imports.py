"""Products come from the sample's file."""

from services.opportunities.main import SERVICE
from tests.services.importing import Importer, by_source, everything, rows_of
from tests.services.opportunities.conftest import House

PRODUCTS = "products.csv"


async def test_products_are_the_files(house: House) -> None:
    importer = Importer(SERVICE, house.client, house.url)
    told = {row["product"]: row for row in rows_of(PRODUCTS)}
    job = await importer.file("products", PRODUCTS)
    assert (job["counts"]["created"], len(told)) == (7, 7)
    found = by_source(await everything(house.client, "products"))
    assert {name: (row["series"], row["list_price"], row["currency"]) for name, row in found.items()} == {
        name: (row["series"], int(row["sales_price"]) * 100, "USD") for name, row in told.items()
    }
    again = await importer.file("products", PRODUCTS)
    assert again["counts"] == {"read": 7, "created": 0, "updated": 0, "unchanged": 7, "refused": 0}
