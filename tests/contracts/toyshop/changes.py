"""What the toy tells of as it changes."""

from fastapi import Response

from services.kit import changes
from services.kit.answers import json_text
from services.kit.changes import Change, Limit, Since, Wait
from services.kit.feeds import Feed, Followed
from services.kit.fields import Read
from services.kit.grammar import DEFAULT_LIMIT
from services.kit.routing import CallDep, router
from tests.contracts.toy.queries import RIVAL, SIGHT
from tests.contracts.toy.schemas import RivalRead

FEED = Feed("toy", (Followed(RIVAL, SIGHT.visible, moves=("owner_id",)),))
routes = router("changes")


class RivalChange(Change):
    """A change of a rival."""

    data: RivalRead | None


class RivalChanges(Read):
    """What has changed since the token."""

    items: list[RivalChange]
    next: str
    more: bool


@routes.get("/changes", response_model=RivalChanges)
async def list_changes(
    call: CallDep, since: Since = None, limit: Limit = DEFAULT_LIMIT, wait: Wait = 0
) -> Response:
    """What has changed of rivals."""
    return json_text(await changes.follow(call, FEED, since, limit, wait))
