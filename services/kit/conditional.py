"""Conditional requests: ETags are versions, and changes of a row say which version they were made on.

What has no version is tagged by what it says. Whoever has the present state already (If-None-Match) gets 304.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Final, LiteralString, TypeAlias, TypeVar
from uuid import UUID

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.http import parse_etags

from services.kit.db import Session
from services.kit.problems import PreconditionFailed, PreconditionRequired, invalid

ANY = None
Expected: TypeAlias = int | None
T = TypeVar("T")

# How often a change is tried again while others change the row at the same moment.
RACES = 10

TAG: Final = r'(?:W/)?"([0-9]{1,9})"'
"""A version as If-Match names it. A proxy that compresses answers weakens tags; the version is as good as before."""

CACHING: Final = "private, no-cache"
"""The Cache-Control of what has an ETag: a browser may keep it for its user, and asks each time whether it holds."""

TAGGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "What the caller has (If-None-Match) is the present state."}
}
"""The `responses` of a GET whose answer has an ETag: a route that declares them answers If-None-Match."""


def etag(version: int) -> str:
    """The ETag of a version, quoted."""
    return f'"{version}"'


def etag_of(said: bytes) -> str:
    """The ETag of what has no version: a hash of what it says, quoted."""
    return f'"{hashlib.sha256(said).hexdigest()[:30]}"'


def has(tags: Iterable[str], tag: str) -> bool:
    """Whether the lines of an If-None-Match header name the tag, weak or strong; `*` names any."""
    known = ", ".join(tags).strip()
    return bool(known) and parse_etags(known).contains_weak(tag.removeprefix("W/").strip('"'))


def unless_had(request: Request, answer: Response) -> Response:
    """The answer to a GET, or 304 without a body where the caller has it already."""
    tag = answer.headers.get("ETag")
    if answer.status_code != 200 or tag is None:
        return answer
    answer.headers["Cache-Control"] = CACHING
    if not has(request.headers.getlist("If-None-Match"), tag):
        return answer
    return Response(status_code=304, headers=without_body(answer.headers))


def without_body(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a 304 shares with the answer in whose place it stands."""
    return {name: value for name, value in headers.items() if name not in ("content-length", "content-type")}


def parse_if_match(header: str | None) -> Expected:
    """The version that an If-Match header names, or None for `*`.

    Raises PreconditionRequired when there is no header, Invalid when it is not one quoted version or `*`.
    """
    if header is None:
        raise PreconditionRequired
    if header.strip() == "*":
        return ANY
    tag = re.fullmatch(TAG, header.strip())
    if tag is None:
        raise invalid("If-Match", "etag", 'must be one version in quotes, as in "3", or *')
    return int(tag[1])


async def if_match(value: Annotated[str | None, Header(alias="If-Match")] = None) -> Expected:
    """The dependency for routes that change an existing row."""
    return parse_if_match(value)


IfMatch = Annotated[Expected, Depends(if_match)]


async def settled(tx: Session, id: UUID, expected: Expected, change: Callable[[], Awaitable[T]]) -> T:
    """What `change` gives, which reads the row and then writes it at the version that it read. `tx` is no transaction.

    A caller who expects any version does not lose to somebody else's change in between: it is tried again, in line with
    the others who lost. Raises what `change` raises.
    """
    if expected is not ANY:
        return await change()
    try:
        return await change()
    except PreconditionFailed:
        return await _in_line(tx, id, change)


async def _in_line(tx: Session, id: UUID, change: Callable[[], Awaitable[T]]) -> T:
    async with tx.transaction():
        await tx.execute(_LINE, {"id": id})
        for _ in range(RACES - 1):
            try:
                return await change()
            except PreconditionFailed:
                continue
        return await change()


_LINE: LiteralString = "SELECT pg_advisory_xact_lock(7110, hashtext(%(id)s::text))"
