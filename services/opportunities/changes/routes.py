"""The feed of changes over HTTP."""

from fastapi import Response

from services.kit import changes
from services.kit.answers import json_text
from services.kit.changes import Limit, Since, Wait
from services.kit.grammar import DEFAULT_LIMIT
from services.kit.routing import CallDep, router
from services.opportunities.changes.queries import FEED
from services.opportunities.changes.schemas import ChangeList

routes = router("changes")


@routes.get("/changes", response_model=ChangeList)
async def list_changes(
    call: CallDep, since: Since = None, limit: Limit = DEFAULT_LIMIT, wait: Wait = 0
) -> Response:
    """What has changed of products, deals and the people on their maps that the caller sees, in order."""
    return json_text(await changes.follow(call, FEED, since, limit, wait))
