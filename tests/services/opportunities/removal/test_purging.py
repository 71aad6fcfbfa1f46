"""What is purged, what of it stays counted, and what nothing waits for."""

import psycopg
import pytest

from services.kit import purging
from services.opportunities.main import SERVICE
from tests.problems import assert_problem
from tests.services.aging import aged, purged
from tests.services.opportunities.conftest import House, person


async def taken_away(house: House, path: str) -> None:
    answer = await house.call("admin", "DELETE", path, if_match="*")
    assert answer.is_success, answer.text


async def gone_long_ago(house: House, count: int) -> list[str]:
    """So many products that were deleted long ago, the first one first."""
    products = [await house.sell(f"GTX {number}") for number in range(count)]
    for product in products:
        await taken_away(house, f"/v1/products/{product}")
    await aged(house.url, SERVICE)
    return products


async def test_the_version_of_a_map_only_grows_though_people_were_purged(house: House) -> None:
    deal = (await house.deal())["id"]
    path, (one, other, *_) = f"/v1/opportunities/{deal}/stakeholders", house.people
    await house.draw(deal, person(one, "USER", "NEUTRAL"), person(other, "USER", "NEUTRAL"))
    await taken_away(house, f"{path}/{other}")
    before = (await house.call("seller", "GET", path)).headers["etag"]
    await aged(house.url, SERVICE)
    assert await purged(house.url, SERVICE) == 1
    assert (await house.call("seller", "GET", path)).headers["etag"] == before == '"3"'
    drawn = await house.draw(deal, person(one, "USER", "FRIEND"))
    assert drawn.headers["etag"] == (await house.call("seller", "GET", path)).headers["etag"] == '"4"'
    assert (await house.call("seller", "GET", path, if_none_match=before)).status_code == 200
    items = {"items": [person(one, "USER", "OPPONENT")]}
    assert (await house.call("seller", "PUT", path, items, if_match=before)).status_code == 412
    drawn = await house.draw(deal, person(one, "USER", "FRIEND"), person(other, "USER"))
    await taken_away(house, f"{path}/{other}")
    await aged(house.url, SERVICE)
    assert await purged(house.url, SERVICE) == 1
    assert (await house.call("seller", "GET", path)).headers["etag"] == '"6"'
    await taken_away(house, f"/v1/opportunities/{deal}")
    await aged(house.url, SERVICE)
    assert await purged(house.url, SERVICE) == 3
    assert await house.rows("SELECT * FROM map_purged") == []


async def test_a_product_is_purged_though_deals_name_it(house: House) -> None:
    product = await house.sell("GTX")
    deal = await house.deal(product_id=product)
    await taken_away(house, f"/v1/products/{product}")
    await aged(house.url, SERVICE)
    restoration = f"/v1/products/{product}/restoration"
    assert_problem(await house.call("admin", "POST", restoration), 404, "not_found")
    assert await purged(house.url, SERVICE) == 1
    assert (await house.told(product))[-1] == "product.erased"
    path = f"/v1/opportunities/{deal['id']}"
    kept = await house.call("seller", "PATCH", path, {"name": "GTX again"}, if_match="*")
    assert (kept.status_code, kept.json()["product_id"]) == (200, product)
    assert_problem(await house.call("admin", "POST", restoration), 404, "not_found")


async def test_what_something_undeclared_refers_to_keeps_nothing_else_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    products = await gone_long_ago(house, 6)
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        await session.execute("CREATE TABLE naming AS SELECT id FROM product ORDER BY deleted_at LIMIT 3")
        await session.execute(
            "ALTER TABLE naming ADD FOREIGN KEY (id) REFERENCES product (id) DEFERRABLE INITIALLY DEFERRED"
        )
    assert await purged(house.url, SERVICE) == 3
    left = await house.rows("SELECT id::text FROM product ORDER BY deleted_at")
    assert [row[0] for row in left] == products[:3]
    assert [(await house.told(product))[-1] for product in products] == (
        ["product.deleted"] * 3 + ["product.erased"] * 3
    )


async def test_what_was_refused_is_tried_again_by_the_next_purge(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    products = await gone_long_ago(house, 4)
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        await session.execute("CREATE TABLE naming (id uuid REFERENCES product)")
        await session.execute("INSERT INTO naming SELECT unnest(%s::uuid[])", [products[:3]])
    assert await purged(house.url, SERVICE) == 1
    assert await purged(house.url, SERVICE) == 0
    await house.rows("DELETE FROM naming WHERE id = %s RETURNING id", products[1])
    assert await purged(house.url, SERVICE) == 1
    assert [(await house.told(product))[-1] for product in products] == [
        "product.deleted",
        "product.erased",
        "product.deleted",
        "product.erased",
    ]
    await house.rows("DELETE FROM naming RETURNING id")
    assert await purged(house.url, SERVICE) == 2
