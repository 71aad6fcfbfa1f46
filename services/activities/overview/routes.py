"""This service's part of an account's view, over HTTP."""

from fastapi import Response

from services.activities.overview import queries
from services.activities.overview.schemas import AccountView
from services.kit.answers import tagged
from services.kit.conditional import TAGGED
from services.kit.fields import Id
from services.kit.routing import CallDep, Reading, router

routes = router("views")


@routes.get("/accounts/{id}/view", response_model=AccountView, responses=TAGGED)
async def get_account_part(id: Id, call: CallDep, tx: Reading) -> Response:
    """What was done at the account, as this service knows it: 404 as well while it does not know the account yet."""
    return tagged(await queries.account_part(tx, call, id))
