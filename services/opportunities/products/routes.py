"""Products over HTTP."""

from uuid import UUID

from fastapi import Request, Response

from services.kit import journal, listing, lookup
from services.kit.app import CallDep, Reading, json_text, router, shown
from services.kit.lookup import LookupRequest
from services.opportunities.products.queries import EVERYBODY, PRODUCT, PRODUCTS
from services.opportunities.products.schemas import ProductFound, ProductList, ProductRead

routes = router("products")


@routes.get("/products", response_model=ProductList, openapi_extra={"parameters": PRODUCTS.parameters()})
async def list_products(request: Request, call: CallDep, tx: Reading) -> Response:
    """What we sell, by name."""
    asked = listing.parse(PRODUCTS, request.query_params.multi_items())
    return json_text(await listing.page(tx, PRODUCTS, asked, call.viewer))


@routes.post("/products/lookup", response_model=ProductFound)
async def look_up_products(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """The products with these ids."""
    return json_text(await lookup.find(tx, PRODUCTS, body, call.viewer))


@routes.get("/products/{id}", response_model=ProductRead)
async def get_product(id: UUID, call: CallDep, tx: Reading) -> Response:
    """One product."""
    return shown(await journal.read(tx, PRODUCT, id, viewer=call.member_id, sight=EVERYBODY))
