"""The feed of changes over HTTP."""

from fastapi import Response

from services.activities.changes.queries import FEED
from services.activities.changes.schemas import ChangeList
from services.kit import changes
from services.kit.answers import json_text
from services.kit.changes import Limit, Since, Wait
from services.kit.grammar import DEFAULT_LIMIT
from services.kit.routing import CallDep, router

routes = router("changes")


@routes.get("/changes", response_model=ChangeList)
async def list_changes(
    call: CallDep, since: Since = None, limit: Limit = DEFAULT_LIMIT, wait: Wait = 0
) -> Response:
    """What has changed of activities and time logs that the caller sees, in order."""
    return json_text(await changes.follow(call, FEED, since, limit, wait))
