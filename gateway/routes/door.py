"""The door: every request under /v1 is judged here, by its path and its token, before anything is asked of a service.

Plain ASGI, for it is on the way of every request. What is not under /v1 (pages, documents, health) goes to an
ordinary app.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.upstreams import MOST_SEGMENTS, NOUNS, OWNER_OF, WORDS
from services.kit.identity import Verifier
from services.kit.ids import CANONICAL
from services.kit.problems import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unauthorized,
)
from services.kit.rates import Fields, Rates
from services.kit.telemetry import ROUTE, SAID_WITH, refusal
from services.kit.traffic import UNMATCHED

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that the door let in: its target as it came (path and query), and who owns it."""

    target: str
    service: str


class Room(Protocol):
    """Where a request goes from the door."""

    async def __call__(self, passed: Passed, scope: Scope, receive: Receive, send: Send, /) -> None: ...


class Door:
    """Lets requests in: to what is composed, by its route; to forwarding; or, outside of /v1, to the pages."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        rates: Rates,
        composed: Mapping[str, Room],
        forward: Room,
        pages: ASGIApp,
    ) -> None:
        self._verifier, self._rates = verifier, rates
        self._composed, self._forward, self._pages = composed, forward, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of an ASGI server."""
        if scope["type"] != "http" or not scope["raw_path"].startswith(b"/v1/"):
            await self._pages(scope, receive, send)
            return
        try:
            await self._let_in(scope, receive, send)
        except Problem as problem:
            instance = scope["raw_path"].decode("ascii", "replace")
            await refusal(problem, scope, instance=instance)(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        segments = judged(path)
        route = scope[ROUTE] = template(segments)
        composed = self._composed.get(route)
        service = OWNER_OF.get(segments[1]) or ("gateway" if composed else None)
        if service is None:
            raise NotFound("path")
        if scope["method"] not in METHODS:
            # No path takes it. Whoever owns the path says which methods it does take.
            scope = {**scope, "method": "OPTIONS"}
        scope[SAID_WITH] += await self._counted(scope)
        room = composed or self._forward
        passed = Passed(_target(path, scope["query_string"]), service)
        await room(passed, scope, receive, send)

    async def _counted(self, scope: Scope) -> Fields:
        """Counts the request of a caller whose token is good, and gives the fields of the answer that say so.

        Raises Unauthorized, and TooMany for who asks, or shows a token that is not good, too often.
        """
        try:
            viewer = await self._verifier.viewer(_authorization(scope))
        except Unauthorized:
            self._rates.failed((scope.get("client") or ("unknown",))[0])
            raise
        return self._rates.asked(scope["method"], f"{viewer.issuer} {viewer.subject}")


def not_allowed(methods: tuple[str, ...]) -> MethodNotAllowed:
    """The refusal of a method, with those that the path takes."""
    allowed = ", ".join(methods)
    detail = f"This path does not take this method; it takes {allowed}."
    return MethodNotAllowed("method_not_allowed", detail, headers={"Allow": allowed})


def judged(path: bytes) -> list[str]:
    """The path's segments, decoded. A service must read the very path that was judged here.

    Raises BadRequest for what two readers could understand differently: empty segments, `.` and `..`, encoded
    slashes, backslashes, control characters, and what is not UTF-8.
    """
    if _PLAIN.fullmatch(path):
        return path[1:].decode("ascii").split("/")
    segments = [_decoded(segment) for segment in path[1:].split(b"/")]
    if segments[-1] == "" and all(segments[:-1]):
        raise NotFound("path")
    for segment in segments:
        if segment in ("", ".", "..") or "/" in segment or "\\" in segment or not segment.isprintable():
            raise _malformed()
    return segments


def _decoded(segment: bytes) -> str:
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed() from error


def _malformed() -> BadRequest:
    return BadRequest(
        "path_malformed",
        "The path holds an empty segment, a dot segment, an encoded slash or a character that has no place there.",
    )


def template(segments: list[str]) -> str:
    """The path for logs and figures: of its words those that our routes have, so that it names a route and no row."""
    if len(segments) > MOST_SEGMENTS or segments[1] not in NOUNS:
        return UNMATCHED
    shown = [
        "{id}" if CANONICAL.fullmatch(each) else each if each in WORDS else "{value}" for each in segments[2:]
    ]
    return "/".join(("", *segments[:2], *shown))


def _target(path: bytes, query: bytes) -> str:
    try:
        return (path + b"?" + query if query else path).decode("ascii")
    except UnicodeDecodeError as error:
        raise BadRequest("query_malformed", "The query holds bytes that must be percent-encoded.") from error


def _authorization(scope: Scope) -> str | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) > 1:
        raise Unauthorized("token_malformed", "Send one Authorization header.")
    return given[0].decode("latin-1") if given else None
