"""Products over HTTP."""

from uuid import UUID

from fastapi import Request, Response

from services.kit import history, imports, journal, listing, lookup, past
from services.kit.app import CallDep, Reading, json_text, router, shown, tagged
from services.kit.conditional import TAGGED
from services.kit.history import HistoryPage
from services.kit.imports import ImportRead, ImportReport
from services.kit.lookup import LookupRequest
from services.kit.past import AsOf
from services.opportunities.products.imports import IMPORT
from services.opportunities.products.queries import EVERYBODY, PAST, PRODUCT, PRODUCTS
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


@routes.post("/products/imports", status_code=202, response_model=ImportRead, openapi_extra=imports.UPLOAD)
async def import_products(request: Request, call: CallDep) -> Response:
    """Queues the import of a file of products; administrators only."""
    return await imports.begin(request, call, IMPORT)


@routes.get("/products/imports/{id}", response_model=ImportRead, responses=TAGGED)
async def get_product_import(id: UUID, call: CallDep, tx: Reading) -> Response:
    """How far an import is, and what has become of its rows."""
    return tagged(await imports.show(tx, call, IMPORT, id))


@routes.get("/products/imports/{id}/report", response_model=ImportReport, openapi_extra=imports.REPORT)
async def get_product_import_report(id: UUID, request: Request, call: CallDep, tx: Reading) -> Response:
    """The rows of an import that were refused or mended."""
    return json_text(await imports.report(tx, call, IMPORT, id, request))


@routes.get("/products/{id}", response_model=ProductRead, responses=TAGGED)
async def get_product(id: UUID, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One product."""
    if as_of is not None:
        return shown(await past.at(tx, PAST, as_of, call.viewer, {"id": id}))
    return shown(await journal.read(tx, PRODUCT, id, viewer=call.member_id, sight=EVERYBODY))


@routes.get(
    "/products/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_product_history(id: UUID, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a product, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))
