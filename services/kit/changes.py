"""The feed of changes: what happened to rows that the caller sees, in the order of the journal's positions.

A caller holds an opaque token: the last position looked at for them, told to them or not. One statement walks on from
there, over a bounded number of positions, and tells what concerns the caller. Who sees a row is judged as it stands
now; what is told of it is its state after the change. What the caller may not see is not there, and so a change of who
sees what has to be told of as well:

- `granted` and `revoked` of an account: what this service shows at it is to be read afresh. They come from rows of the
  journal that triggers write (sql/0005_changes.sql) and that are never published. An account of another service that
  is deleted or restored there takes what hangs on it along for all who see that (sql/0006_hanging.sql).
- `revoked` of another row: its account or its owner has changed, and the caller saw it by the one it had.
- 410 `sight_changed`: so much has changed that all is to be read afresh; 410 `too_old`: the journal no longer reaches
  back to the token, or has been restored to a time before it.
"""

import hashlib
import time
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Query

from services.kit import opaque
from services.kit.calls import Call
from services.kit.feeds import Feed, Token, Walked, walk
from services.kit.fields import Read
from services.kit.grammar import MAX_LIMIT
from services.kit.growth import MAX_WAIT
from services.kit.identity import SEES_ALL, Viewer
from services.kit.problems import Gone, Invalid, invalid

Since = Annotated[
    str | None,
    Query(
        max_length=500, description="`next` of the answer before; without it the token of now, and no items."
    ),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items at the most.")]
Wait = Annotated[
    int, Query(ge=0, le=MAX_WAIT, description="Seconds for which an answer without items may wait for one.")
]


class Change(Read):
    """One change. `version` is null where not a row but who sees it has changed.

    `data` is the row after the change, as GET shows it; null for `deleted`, `erased`, `granted` and `revoked`.
    """

    service: str
    noun: str
    id: UUID
    type: str
    version: int | None
    recorded_at: datetime
    actor: str | None


async def follow(call: Call, feed: Feed, since: str | None, limit: int, wait: int) -> str:
    """The changes after the token as JSON text: `{"items": [...], "next": token, "more": bool}`. One statement.

    Without a token only the one of now. With `wait` an answer without items waits so many seconds for one, and holds
    no connection meanwhile. Raises Invalid (`since`) and Gone.
    """
    eyes = _eyes(call.viewer)
    token = _opened(feed, since) if since is not None else None
    if token is not None and token.eyes != eyes:
        raise _sight_changed()
    until = time.monotonic() + wait
    while True:
        async with call.db.connect() as session:
            walked = await walk(session, call, feed, token, limit)
        if token is not None:
            _check(token, walked)
        more = walked.reached < walked.head
        token = Token(walked.epoch, walked.reached, eyes)
        left = until - time.monotonic()
        if walked.told or more or since is None or left <= 0 or call.head.ended:
            told = orjson.dumps(closed(feed, token)).decode()
            return f'{{"items":[{walked.items}],"next":{told},"more":{str(more).lower()}}}'
        await call.head.beyond(walked.reached, left)


def _check(token: Token, walked: Walked) -> None:
    """Raises Gone where the walk from the token does not tell all that has happened since."""
    lost = walked.survived is not None and token.position > walked.survived
    if lost or token.position > walked.head or walked.aged or not walked.whole:
        raise Gone(
            "too_old",
            "The feed does not reach back to this token. Take a new one, by asking without it, then read all afresh.",
        )
    if walked.overturned:
        raise _sight_changed()


def _sight_changed() -> Gone:
    return Gone(
        "sight_changed",
        "What you may see has changed as a whole. Take a new token, by asking without one, then read all afresh.",
    )


# Tokens


def _eyes(viewer: Viewer) -> str:
    """What decides what a viewer sees, beside what the database knows: their roles, and which member they are."""
    told = f"{viewer.member_id} {sorted(viewer.roles & SEES_ALL)}"
    return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()


def _sum(feed: Feed, token: Token) -> str:
    return hashlib.blake2b(f"{feed.service} {token}".encode(), digest_size=4).hexdigest()


def closed(feed: Feed, token: Token) -> str:
    """The token as callers hold it."""
    return opaque.closed([*token, _sum(feed, token)]).rstrip("=")


def _opened(feed: Feed, text: str) -> Token:
    try:
        epoch, position, eyes, told = opaque.opened(text + "==")
        token = Token(int(epoch), int(position), str(eyes))
    except (ValueError, TypeError):
        raise _not_a_token() from None
    if closed(feed, token) != text or told != _sum(feed, token):
        raise _not_a_token()
    return token


def _not_a_token() -> Invalid:
    return invalid("since", "token", "is no token of this feed; take one by asking without it")
