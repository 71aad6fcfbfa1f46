"""Time logs over HTTP."""

from fastapi import Request, Response

from services.activities.timelogs import service
from services.activities.timelogs.queries import PAST, TIME_LOGS
from services.activities.timelogs.schemas import TimeLogCreate, TimeLogList, TimeLogRead, TimeLogUpdate
from services.kit import asking, history, listing
from services.kit.answers import json_text, shown
from services.kit.conditional import TAGGED, IfMatch
from services.kit.fields import Id
from services.kit.history import HistoryPage
from services.kit.past import AsOf
from services.kit.routing import CallDep, Reading, Statement, router

routes = router("time-logs")


@routes.get("/time-logs", response_model=TimeLogList, openapi_extra={"parameters": TIME_LOGS.parameters()})
async def list_time_logs(request: Request, call: CallDep, tx: Reading) -> Response:
    """The time logs of the caller and of those who report to the caller, by default the latest day first."""
    asked = asking.parse(TIME_LOGS, request.query_params.multi_items())
    return json_text(await listing.page(tx, TIME_LOGS, asked, call.viewer))


@routes.post("/time-logs", status_code=201, response_model=TimeLogRead)
async def create_time_log(body: TimeLogCreate, call: CallDep, tx: Statement) -> Response:
    """Records minutes that somebody spent."""
    row = await service.record_time(tx, call, body)
    return shown(row, status=201, location=f"/v1/time-logs/{row.id}")


@routes.get("/time-logs/{id}", response_model=TimeLogRead, responses=TAGGED)
async def get_time_log(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One time log."""
    return shown(await service.show_time(tx, call, id, as_of))


@routes.patch("/time-logs/{id}", response_model=TimeLogRead)
async def update_time_log(
    id: Id, body: TimeLogUpdate, call: CallDep, tx: Statement, expected: IfMatch
) -> Response:
    """Changes a time log (JSON merge patch)."""
    return shown(await service.change_time(tx, call, id, body, expected))


@routes.get(
    "/time-logs/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_time_log_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a time log, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))
