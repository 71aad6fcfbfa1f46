"""Members over HTTP."""

from fastapi import Request, Response

from services.contacts.members import service
from services.contacts.members.imports import IMPORT
from services.contacts.members.queries import MEMBERS, PAST
from services.contacts.members.schemas import (
    Me,
    MemberCreate,
    MemberFound,
    MemberList,
    MemberRead,
    MemberUpdate,
)
from services.kit import asking, history, imports, listing, lookup
from services.kit.answers import json_text, put_under, shown, tagged
from services.kit.conditional import TAGGED, IfMatch
from services.kit.fields import Id
from services.kit.history import HistoryPage
from services.kit.imports import ImportRead, ImportReport
from services.kit.lookup import LookupRequest
from services.kit.past import AsOf
from services.kit.routing import CallDep, Reading, Statement, Transaction, router
from services.kit.upserts import SlotDep, made

routes = router("members")


@routes.get("/members", response_model=MemberList, openapi_extra={"parameters": MEMBERS.parameters()})
async def list_members(request: Request, call: CallDep, tx: Reading) -> Response:
    """Our people, by name."""
    asked = asking.parse(MEMBERS, request.query_params.multi_items())
    return json_text(await listing.page(tx, MEMBERS, asked, call.viewer))


@routes.post("/members", status_code=201, response_model=MemberRead)
async def create_member(body: MemberCreate, call: CallDep, tx: Statement) -> Response:
    """Adds one of our people; administrators only."""
    row = await service.add_member(tx, call, body)
    return shown(row, status=201, location=f"/v1/members/{row.id}")


@routes.post("/members/lookup", response_model=MemberFound)
async def look_up_members(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """The members with these ids."""
    return json_text(await lookup.find(tx, MEMBERS, body, call.viewer))


@routes.post("/members/imports", status_code=202, response_model=ImportRead, openapi_extra=imports.UPLOAD)
async def import_members(request: Request, call: CallDep) -> Response:
    """Queues the import of a file of members; administrators only."""
    return await imports.begin(request, call, IMPORT)


@routes.get("/members/imports/{id}", response_model=ImportRead, responses=TAGGED)
async def get_member_import(id: Id, call: CallDep, tx: Reading) -> Response:
    """How far an import is, and what has become of its rows."""
    return tagged(await imports.show(tx, call, IMPORT, id))


@routes.get("/members/imports/{id}/report", response_model=ImportReport, openapi_extra=imports.REPORT)
async def get_member_import_report(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """The rows of an import that were refused or mended."""
    return json_text(await imports.report(tx, call, IMPORT, id, request))


@routes.put(
    "/members/by-external-id/{source}/{external_id}",
    response_model=MemberRead,
    responses=made(MemberRead),
)
async def put_member(body: MemberCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Adds the member that another system calls so, or changes the fields that the body names."""
    row, new = await service.put_member(tx, call, slot, body)
    return put_under("/v1/members", row, new=new)


@routes.get("/members/{id}", response_model=MemberRead, responses=TAGGED)
async def get_member(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One of our people."""
    return shown(await service.show_member(tx, call, id, as_of))


@routes.patch("/members/{id}", response_model=MemberRead)
async def update_member(
    id: Id, body: MemberUpdate, call: CallDep, tx: Transaction, expected: IfMatch
) -> Response:
    """Changes a member (JSON merge patch); administrators only."""
    return shown(await service.change_member(tx, call, id, body, expected))


@routes.get(
    "/members/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_member_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a member, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))


@routes.get("/me", response_model=Me, responses=TAGGED)
async def get_me(call: CallDep, tx: Reading) -> Response:
    """Who the caller is, with roles and member."""
    return tagged(await service.show_me(tx, call))
