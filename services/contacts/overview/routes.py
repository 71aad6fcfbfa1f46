"""This service's part of an account's view, over HTTP."""

from fastapi import Response

from services.contacts.overview import queries
from services.contacts.overview.schemas import AccountView
from services.kit.answers import tagged
from services.kit.conditional import TAGGED
from services.kit.fields import Id
from services.kit.routing import CallDep, Reading, router

routes = router("views")


@routes.get("/accounts/{id}/view", response_model=AccountView, responses=TAGGED)
async def get_account_part(id: Id, call: CallDep, tx: Reading) -> Response:
    """The account with its people, as this service knows them."""
    return tagged(await queries.account_part(tx, call, id))
