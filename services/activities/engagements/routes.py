"""Activities over HTTP."""

from fastapi import Request, Response

from services.activities.engagements import service
from services.activities.engagements.imports import IMPORT
from services.activities.engagements.queries import ACTIVITIES, PAST
from services.activities.engagements.schemas import (
    ActivityCreate,
    ActivityFound,
    ActivityList,
    ActivityRead,
    ActivityUpdate,
)
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

routes = router("activities")


@routes.get("/activities", response_model=ActivityList, openapi_extra={"parameters": ACTIVITIES.parameters()})
async def list_activities(request: Request, call: CallDep, tx: Reading) -> Response:
    """The activities that the caller sees, by default the latest first."""
    asked = asking.parse(ACTIVITIES, request.query_params.multi_items())
    return json_text(await listing.page(tx, ACTIVITIES, asked, call.viewer))


@routes.post("/activities", status_code=201, response_model=ActivityRead)
async def create_activity(body: ActivityCreate, call: CallDep, tx: Statement) -> Response:
    """Plans an activity, or records one that is over."""
    row = await service.record_activity(tx, call, body)
    return shown(row, status=201, location=f"/v1/activities/{row.id}")


@routes.post("/activities/imports", status_code=202, response_model=ImportRead, openapi_extra=imports.UPLOAD)
async def import_activities(request: Request, call: CallDep) -> Response:
    """Queues the import of a file of activities; administrators only."""
    return await imports.begin(request, call, IMPORT)


@routes.get("/activities/imports/{id}", response_model=ImportRead, responses=TAGGED)
async def get_activity_import(id: Id, call: CallDep, tx: Reading) -> Response:
    """How far an import is, and what has become of its rows."""
    return tagged(await imports.show(tx, call, IMPORT, id))


@routes.get("/activities/imports/{id}/report", response_model=ImportReport, openapi_extra=imports.REPORT)
async def get_activity_import_report(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """The rows of an import that were refused or mended."""
    return json_text(await imports.report(tx, call, IMPORT, id, request))


@routes.post("/activities/lookup", response_model=ActivityFound)
async def look_up_activities(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """Those of these activities that the caller sees."""
    return json_text(await lookup.find(tx, ACTIVITIES, body, call.viewer))


@routes.put(
    "/activities/by-external-id/{source}/{external_id}",
    response_model=ActivityRead,
    responses=made(ActivityRead),
)
async def put_activity(body: ActivityCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Records the activity that another system calls so, or changes the fields that the body names."""
    row, new = await service.put_activity(tx, call, slot, body)
    return put_under("/v1/activities", row, new=new)


@routes.get("/activities/{id}", response_model=ActivityRead, responses=TAGGED)
async def get_activity(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One activity."""
    return shown(await service.show_activity(tx, call, id, as_of))


@routes.patch("/activities/{id}", response_model=ActivityRead)
async def update_activity(
    id: Id, body: ActivityUpdate, call: CallDep, tx: Statement, expected: IfMatch
) -> Response:
    """Changes an activity (JSON merge patch)."""
    return shown(await service.change_activity(tx, call, id, body, expected))


@routes.get(
    "/activities/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_activity_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of an activity, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))
