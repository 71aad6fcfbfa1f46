"""Rivals over HTTP."""

from fastapi import Request, Response

from services.kit import asking, history, listing, past
from services.kit.answers import json_text, put_under, shown
from services.kit.conditional import TAGGED, IfMatch
from services.kit.deletion import Deleted
from services.kit.fields import Id
from services.kit.history import PARAMETERS, HistoryPage
from services.kit.past import AsOf
from services.kit.routing import CallDep, Reading, Statement, Transaction, router
from services.kit.upserts import SlotDep, made
from tests.contracts.toy import service
from tests.contracts.toy.queries import PAST, RIVALS
from tests.contracts.toy.schemas import RivalCreate, RivalList, RivalRead, RivalUpdate

routes = router("rivals")


@routes.get("/rivals", response_model=RivalList, openapi_extra={"parameters": RIVALS.parameters()})
async def list_rivals(request: Request, call: CallDep, tx: Reading) -> Response:
    """The rivals whom the caller's people watch."""
    asked = asking.parse(RIVALS, request.query_params.multi_items())
    return json_text(await listing.page(tx, RIVALS, asked, call.viewer))


@routes.post("/rivals", status_code=201, response_model=RivalRead)
async def create_rival(body: RivalCreate, call: CallDep, tx: Statement) -> Response:
    """Adds a rival."""
    return put_under("/v1/rivals", await service.add(tx, call, body), new=True)


@routes.put(
    "/rivals/by-external-id/{source}/{external_id}", response_model=RivalRead, responses=made(RivalRead)
)
async def put_rival(body: RivalCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Adds or changes the rival that another system calls so."""
    row, new = await service.put(tx, call, slot, body)
    return put_under("/v1/rivals", row, new=new)


@routes.get("/rivals/{id}", response_model=RivalRead, responses=TAGGED)
async def get_rival(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One rival."""
    return shown(await past.show(tx, PAST, id, as_of, call.viewer))


@routes.patch("/rivals/{id}", response_model=RivalRead)
async def update_rival(id: Id, body: RivalUpdate, call: CallDep, tx: Statement, at: IfMatch) -> Response:
    """Changes a rival (JSON merge patch)."""
    return shown(await service.change(tx, call, id, body, at))


@routes.delete("/rivals/{id}", response_model=Deleted)
async def delete_rival(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes a rival."""
    return shown(await service.delete(tx, call, id, expected))


@routes.post("/rivals/{id}/restoration", response_model=RivalRead)
async def restore_rival(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted rival."""
    return shown(await service.restore(tx, call, id))


@routes.get("/rivals/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": PARAMETERS})
async def list_rival_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a rival, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))
