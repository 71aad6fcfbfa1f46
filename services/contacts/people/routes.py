"""People and their links over HTTP."""

from fastapi import Request, Response

from services.contacts.people import service
from services.contacts.people.queries import CONTACTS, LINK_PAST, LINKS, PAST
from services.contacts.people.schemas import (
    ContactCreate,
    ContactFound,
    ContactList,
    ContactRead,
    ContactUpdate,
    LinkCreate,
    LinkList,
    LinkRead,
)
from services.kit import asking, history, listing, lookup
from services.kit.answers import json_text, put_under, shown
from services.kit.conditional import TAGGED, IfMatch
from services.kit.fields import Id
from services.kit.history import HistoryPage
from services.kit.lookup import LookupRequest
from services.kit.past import AsOf
from services.kit.routing import CallDep, Reading, Statement, Transaction, router
from services.kit.upserts import SlotDep, made

routes = router("contacts")


@routes.get("/contacts", response_model=ContactList, openapi_extra={"parameters": CONTACTS.parameters()})
async def list_contacts(request: Request, call: CallDep, tx: Reading) -> Response:
    """The people at the accounts that the caller sees."""
    asked = asking.parse(CONTACTS, request.query_params.multi_items())
    return json_text(await listing.page(tx, CONTACTS, asked, call.viewer))


@routes.post("/contacts", status_code=201, response_model=ContactRead)
async def create_contact(body: ContactCreate, call: CallDep, tx: Statement) -> Response:
    """Adds a person at an account."""
    row = await service.add_contact(tx, call, body)
    return shown(row, status=201, location=f"/v1/contacts/{row.id}")


@routes.post("/contacts/lookup", response_model=ContactFound)
async def look_up_contacts(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """Those of these people whom the caller sees."""
    return json_text(await lookup.find(tx, CONTACTS, body, call.viewer))


@routes.put(
    "/contacts/by-external-id/{source}/{external_id}",
    response_model=ContactRead,
    responses=made(ContactRead),
)
async def put_contact(body: ContactCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Adds the person whom another system calls so, or changes the fields that the body names."""
    row, new = await service.put_contact(tx, call, slot, body)
    return put_under("/v1/contacts", row, new=new)


@routes.get("/contacts/{id}", response_model=ContactRead, responses=TAGGED)
async def get_contact(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One person."""
    return shown(await service.show_contact(tx, call, id, as_of))


@routes.patch("/contacts/{id}", response_model=ContactRead)
async def update_contact(
    id: Id, body: ContactUpdate, call: CallDep, tx: Statement, expected: IfMatch
) -> Response:
    """Changes a person (JSON merge patch)."""
    return shown(await service.change_contact(tx, call, id, body, expected))


@routes.get(
    "/contacts/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_contact_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a person, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))


@routes.get("/contacts/{id}/links", response_model=LinkList, openapi_extra={"parameters": LINKS.parameters()})
async def list_links(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """How the person stands to others."""
    asked = asking.parse(LINKS, request.query_params.multi_items())
    return json_text(await listing.page(tx, LINKS, asked, call.viewer, {"contact": id}))


@routes.post("/contacts/{id}/links", status_code=201, response_model=LinkRead)
async def create_link(id: Id, body: LinkCreate, call: CallDep, tx: Transaction) -> Response:
    """Says how the person stands to another one."""
    row = await service.link_contacts(tx, call, id, body)
    return shown(row, status=201, location=f"/v1/contacts/{id}/links/{row.id}")


@routes.get("/contacts/{id}/links/{link_id}", response_model=LinkRead, responses=TAGGED)
async def get_link(id: Id, link_id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One link of the person."""
    return shown(await service.show_link(tx, call, id, link_id, as_of))


@routes.delete("/contacts/{id}/links/{link_id}", status_code=204)
async def delete_link(id: Id, link_id: Id, call: CallDep, tx: Statement, expected: IfMatch) -> Response:
    """Takes a link back."""
    await service.unlink_contacts(tx, call, id, link_id, expected)
    return Response(status_code=204)


@routes.get(
    "/contacts/{id}/links/{link_id}/history",
    response_model=HistoryPage,
    openapi_extra={"parameters": history.PARAMETERS},
)
async def list_link_history(id: Id, link_id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of a link, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, LINK_PAST, asked, call.viewer, {"id": link_id, "contact": id}))
