"""Accounts over HTTP."""

from fastapi import Request, Response

from services.contacts.accounts import service
from services.contacts.accounts.imports import IMPORT
from services.contacts.accounts.queries import ACCOUNTS, PAST
from services.contacts.accounts.schemas import (
    AccountCreate,
    AccountFound,
    AccountList,
    AccountRead,
    AccountUpdate,
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

routes = router("accounts")


@routes.get("/accounts", response_model=AccountList, openapi_extra={"parameters": ACCOUNTS.parameters()})
async def list_accounts(request: Request, call: CallDep, tx: Reading) -> Response:
    """The accounts that the caller sees."""
    asked = asking.parse(ACCOUNTS, request.query_params.multi_items())
    return json_text(await listing.page(tx, ACCOUNTS, asked, call.viewer))


@routes.post("/accounts", status_code=201, response_model=AccountRead)
async def create_account(body: AccountCreate, call: CallDep, tx: Transaction) -> Response:
    """Opens an account; without an owner it is the caller's."""
    row = await service.open_account(tx, call, body)
    return shown(row, status=201, location=f"/v1/accounts/{row.id}")


@routes.post("/accounts/lookup", response_model=AccountFound)
async def look_up_accounts(body: LookupRequest, call: CallDep, tx: Reading) -> Response:
    """Those of these accounts that the caller sees."""
    return json_text(await lookup.find(tx, ACCOUNTS, body, call.viewer))


@routes.post("/accounts/imports", status_code=202, response_model=ImportRead, openapi_extra=imports.UPLOAD)
async def import_accounts(request: Request, call: CallDep) -> Response:
    """Queues the import of a file of accounts; administrators only."""
    return await imports.begin(request, call, IMPORT)


@routes.get("/accounts/imports/{id}", response_model=ImportRead, responses=TAGGED)
async def get_account_import(id: Id, call: CallDep, tx: Reading) -> Response:
    """How far an import is, and what has become of its rows."""
    return tagged(await imports.show(tx, call, IMPORT, id))


@routes.get("/accounts/imports/{id}/report", response_model=ImportReport, openapi_extra=imports.REPORT)
async def get_account_import_report(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """The rows of an import that were refused or mended."""
    return json_text(await imports.report(tx, call, IMPORT, id, request))


@routes.put(
    "/accounts/by-external-id/{source}/{external_id}",
    response_model=AccountRead,
    responses=made(AccountRead),
)
async def put_account(body: AccountCreate, call: CallDep, tx: Statement, slot: SlotDep) -> Response:
    """Opens the account that another system calls so, or changes the fields that the body names."""
    row, new = await service.put_account(tx, call, slot, body)
    return put_under("/v1/accounts", row, new=new)


@routes.get("/accounts/{id}", response_model=AccountRead, responses=TAGGED)
async def get_account(id: Id, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    """One account."""
    return shown(await service.show_account(tx, call, id, as_of))


@routes.patch("/accounts/{id}", response_model=AccountRead)
async def update_account(
    id: Id, body: AccountUpdate, call: CallDep, tx: Transaction, expected: IfMatch
) -> Response:
    """Changes an account (JSON merge patch)."""
    return shown(await service.change_account(tx, call, id, body, expected))


@routes.get(
    "/accounts/{id}/history", response_model=HistoryPage, openapi_extra={"parameters": history.PARAMETERS}
)
async def list_account_history(id: Id, request: Request, call: CallDep, tx: Reading) -> Response:
    """Who changed what of an account, the latest change first."""
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))
