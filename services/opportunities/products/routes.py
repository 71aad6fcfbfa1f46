"""Products over HTTP."""

from fastapi import Request, Response

from services.kit import asking, history, imports, listing, lookup
from services.kit.answers import json_text, put_under, shown, tagged
from services.kit.conditional import TAGGED, IfMatch
from services.kit.fields import Id
from services.kit.history import HistoryPage
from services.kit.imports import ImportRead, ImportReport
from services.kit.lookup import LookupRequest
from services.kit.past import AsOf
from services.kit.routing import CallDep, Reading, Statement, router
from services.kit.upserts import SlotDep, made
from services.opportunities.products import service
from services.opportunities.products.imports import IMPORT
from services.opportunities.products.queries import PAST, PRODUCTS
from services.opportunities.products.schemas import (
    ProductCreate,
    ProductFound,
    ProductList,
    ProductRead,
    ProductUpdate,
)

routes = router("products")


@routes.get("/products", response_model=ProductList, openapi_extra={"parameters": PRODUCTS.parameters()})
async def list_products(request: Request, call: CallDep, tx: Reading) -> Response:
    """What we sell, by name."""
    asked = asking.parse(PRODUCTS, request.query_params.multi_items())
    return json_text(await listing.page(tx, PRODUCTS, asked, call.viewer))


@routes.post("/products", status_code=201, response_model=ProductRead)
async def create_product(body: ProductCreate, call: CallDep, tx: Statement) -> Response:
    """Adds something that we sell; administrators only."""
    row = await service.add_product(tx, call, body)
    return shown(row, status=201, location=f"/v1/products/{row.id}")


@routes.post("/products/lookup", response_model=ProductFound)
async def look_up_products(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """The products with these ids."""
    return json_text(await lookup.find(tx, PRODUCTS, body, call.viewer))


@routes.post("/products/imports", status_code=202, response_model=ImportRead, openapi_extra=imports.UPLOAD)
async def import_products(request: Request, call: CallDep) -> Response:
    """Queues the import of a file of products; administrators only."""
    return await imports.begin(request, call, IMPORT)


@routes.get("/products/imports/{id}", response_model=ImportRead, responses=TAGGED)
async def get_product_import(id: Id, call: CallDep, tx: Reading) -> Response:
    """How far an import is, and what has become of its rows."""
    return tagged(await imports.show(tx, call, IMPORT, id))


@routes.get("/products/imports/{id}/report", response_model=ImportReport, openapi_extra=imports.REPORT)
async def get_product_import_report(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """The rows of an import that were refused or mended."""
    return json_text(await imports.report(tx, call, IMPORT, id, request))


@routes.put(
    "/products/by-external-id/{source}/{external_id}",
    response_model=ProductRead,
    responses=made(ProductRead),
)
async def put_product(body: ProductCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Adds the product that another system calls so, or changes the fields that the body names; administrators only."""
    row, new = await service.put_product(tx, call, slot, body)
    return put_under("/v1/products", row, new=new)


@routes.get("/products/{id}", response_model=ProductRead, responses=TAGGED)
async def get_product(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One product."""
    return shown(await service.show_product(tx, call, id, as_of))


@routes.get(
    "/products/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_product_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a product, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))


@routes.patch("/products/{id}", response_model=ProductRead)
async def update_product(
    id: Id, body: ProductUpdate, call: CallDep, tx: Statement, expected: IfMatch
) -> Response:
    """Changes a product (JSON merge patch); administrators only."""
    return shown(await service.change_product(tx, call, id, body, expected))
