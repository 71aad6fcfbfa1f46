"""Deals over HTTP."""

from fastapi import Request, Response

from services.kit import asking, history, imports, listing, lookup
from services.kit.answers import json_text, put_under, shown, tagged
from services.kit.conditional import TAGGED, IfMatch
from services.kit.fields import Id
from services.kit.history import HistoryPage
from services.kit.imports import ImportRead, ImportReport
from services.kit.lookup import LookupRequest
from services.kit.past import AsOf
from services.kit.pressure import dear
from services.kit.routing import CallDep, Reading, Statement, Transaction, router
from services.kit.upserts import SlotDep, made
from services.opportunities.pipeline import queries, service
from services.opportunities.pipeline.imports import IMPORT
from services.opportunities.pipeline.queries import OPPORTUNITIES, PAST, SUMMARY_PARAMETERS
from services.opportunities.pipeline.schemas import (
    MoveList,
    OpportunityCreate,
    OpportunityFound,
    OpportunityList,
    OpportunityRead,
    OpportunityUpdate,
    StageMove,
    Summary,
)

routes = router("opportunities")


@routes.get(
    "/opportunities", response_model=OpportunityList, openapi_extra={"parameters": OPPORTUNITIES.parameters()}
)
async def list_opportunities(request: Request, call: CallDep, tx: Reading) -> Response:
    """The deals that the caller sees."""
    asked = asking.parse(OPPORTUNITIES, request.query_params.multi_items())
    return json_text(await listing.page(tx, OPPORTUNITIES, asked, call.viewer))


@routes.post("/opportunities", status_code=201, response_model=OpportunityRead)
async def create_opportunity(body: OpportunityCreate, call: CallDep, tx: Statement) -> Response:
    """Opens a deal in TARGETING; without an owner it is the caller's."""
    row = await service.open_deal(tx, call, body)
    return shown(row, status=201, location=f"/v1/opportunities/{row.id}")


@routes.get(
    "/opportunities/summary", response_model=Summary, openapi_extra={"parameters": SUMMARY_PARAMETERS}
)
@dear
async def get_summary(request: Request, call: CallDep, tx: Reading) -> Response:
    """Count and amounts of the deals that the filters leave, by stage, status, owner and currency."""
    return json_text(await service.sum_up(tx, call, request.query_params.multi_items()))


@routes.post("/opportunities/lookup", response_model=OpportunityFound)
async def look_up_opportunities(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """Those of these deals that the caller sees."""
    return json_text(await lookup.find(tx, OPPORTUNITIES, body, call.viewer))


@routes.post(
    "/opportunities/imports", status_code=202, response_model=ImportRead, openapi_extra=imports.UPLOAD
)
async def import_opportunities(request: Request, call: CallDep) -> Response:
    """Queues the import of a file of deals; administrators only."""
    return await imports.begin(request, call, IMPORT)


@routes.get("/opportunities/imports/{id}", response_model=ImportRead, responses=TAGGED)
async def get_opportunity_import(id: Id, call: CallDep, tx: Reading) -> Response:
    """How far an import is, and what has become of its rows."""
    return tagged(await imports.show(tx, call, IMPORT, id))


@routes.get("/opportunities/imports/{id}/report", response_model=ImportReport, openapi_extra=imports.REPORT)
async def get_opportunity_import_report(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """The rows of an import that were refused or mended."""
    return json_text(await imports.report(tx, call, IMPORT, id, request))


@routes.put(
    "/opportunities/by-external-id/{source}/{external_id}",
    response_model=OpportunityRead,
    responses=made(OpportunityRead),
)
async def put_opportunity(body: OpportunityCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Opens the deal that another system calls so, or changes the fields that the body names."""
    row, new = await service.put_deal(tx, call, slot, body)
    return put_under("/v1/opportunities", row, new=new)


@routes.get("/opportunities/{id}", response_model=OpportunityRead, responses=TAGGED)
async def get_opportunity(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One deal."""
    return shown(await service.show_deal(tx, call, id, as_of))


@routes.patch("/opportunities/{id}", response_model=OpportunityRead)
async def update_opportunity(
    id: Id, body: OpportunityUpdate, call: CallDep, tx: Statement, expected: IfMatch
) -> Response:
    """Changes a deal (JSON merge patch); its stage is changed by moves alone."""
    return shown(await service.change_deal(tx, call, id, body, expected))


@routes.post("/opportunities/{id}/stage", response_model=OpportunityRead)
async def move_opportunity(id: Id, body: StageMove, call: CallDep, tx: Transaction) -> Response:
    """Moves a deal to another stage, to its closing, or back from it."""
    return shown(await service.move_deal(tx, call, id, body))


@routes.get("/opportunities/{id}/moves", response_model=MoveList, responses=TAGGED)
async def list_moves(id: Id, call: CallDep, tx: Reading) -> Response:
    """Every move of a deal, oldest first."""
    return tagged(await queries.moves(tx, call, id))


@routes.get(
    "/opportunities/{id}/history",
    response_model=HistoryPage,
    openapi_extra={"parameters": history.PARAMETERS},
)
async def list_opportunity_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a deal, the latest change first. Its moves are listed with them."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))
