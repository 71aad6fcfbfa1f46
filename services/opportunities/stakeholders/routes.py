"""Maps of people over HTTP."""

from typing import Annotated

from fastapi import Header, Request, Response

from services.kit import asking, history, listing
from services.kit.answers import json_text, shown, tagged
from services.kit.conditional import TAGGED, IfMatch, etag
from services.kit.fields import Id
from services.kit.history import HistoryPage
from services.kit.past import AsOf
from services.kit.routing import CallDep, Reading, Transaction, router
from services.opportunities.stakeholders import queries, service
from services.opportunities.stakeholders.queries import PAST, STAKEHOLDERS
from services.opportunities.stakeholders.schemas import (
    MapPut,
    MapTried,
    RelationshipRead,
    StakeholderList,
    StakeholderPut,
    StakeholderRead,
)

routes = router("stakeholders")
# What is not there yet is put without a version; the use case asks for one where it is.
IfMatchHeader = Annotated[str | None, Header(alias="If-Match")]


@routes.get(
    "/opportunities/{id}/stakeholders",
    response_model=StakeholderList,
    responses=TAGGED,
    openapi_extra={"parameters": STAKEHOLDERS.parameters()},
)
async def list_stakeholders(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """The people on the deal's map. The ETag is the version of the map as a whole."""
    asked = asking.parse(STAKEHOLDERS, request.query_params.multi_items())
    version = await queries.map_version(tx, call, id)
    answer = json_text(await listing.page(tx, STAKEHOLDERS, asked, call.viewer, {"deal": id}))
    answer.headers["ETag"] = etag(version)
    return answer


@routes.put("/opportunities/{id}/stakeholders", response_model=StakeholderList)
async def put_stakeholders(
    id: Id, body: MapPut, call: CallDep, tx: Transaction, version: IfMatchHeader = None
) -> Response:
    """Makes the whole map what the body says: whoever is not in it is taken off the map."""
    drawn = await service.redraw_map(tx, call, id, body, version)
    answer = json_text(drawn.json)
    answer.headers["ETag"] = etag(drawn.version)
    return answer


@routes.get("/opportunities/{id}/stakeholders/{contact_id}", response_model=StakeholderRead, responses=TAGGED)
async def get_stakeholder(id: Id, contact_id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One person on the deal's map."""
    return shown(await queries.person(tx, call, id, contact_id, as_of))


@routes.put(
    "/opportunities/{id}/stakeholders/{contact_id}",
    response_model=StakeholderRead,
    responses={201: {"model": StakeholderRead, "description": "The person is new on the map."}},
)
async def put_stakeholder(
    id: Id,
    contact_id: Id,
    body: StakeholderPut,
    call: CallDep,
    tx: Transaction,
    version: IfMatchHeader = None,
) -> Response:
    """Puts the person on the deal's map, or says anew where the person stands."""
    row, new = await service.map_person(tx, call, id, contact_id, body, version)
    if not new:
        return shown(row)
    return shown(row, status=201, location=f"/v1/opportunities/{id}/stakeholders/{contact_id}")


@routes.delete("/opportunities/{id}/stakeholders/{contact_id}", status_code=204)
async def delete_stakeholder(
    id: Id, contact_id: Id, call: CallDep, tx: Transaction, expected: IfMatch
) -> Response:
    """Takes the person off the deal's map."""
    await service.take_off(tx, call, id, contact_id, expected)
    return Response(status_code=204)


@routes.get(
    "/opportunities/{id}/stakeholders/{contact_id}/history",
    response_model=HistoryPage,
    openapi_extra={"parameters": history.PARAMETERS},
)
async def list_stakeholder_history(
    id: Id, contact_id: Id, request: Request, call: CallDep, tx: Reading
) -> Response:
    """Who changed what of a person on the map, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id, "contact": contact_id}))


@routes.get("/opportunities/{id}/relationship", response_model=RelationshipRead, responses=TAGGED)
async def get_relationship(id: Id, call: CallDep, tx: Reading) -> Response:
    """What the deal's map says, computed afresh: where we stand, what is dangerous, what to do next."""
    return tagged(await service.show_relationship(tx, call, id))


@routes.post("/relationship/evaluate", response_model=RelationshipRead)
async def evaluate_relationship(body: MapTried, call: CallDep) -> Response:
    """What a map would say if it were that of an open deal; nothing is kept."""
    return json_text(service.try_map(call, body))
