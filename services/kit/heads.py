"""Requests are held to their size before anything is read of them: the address, its parameters, the header fields.

What is larger than a process is willing to collect at all is cut off at the connection (`services.kit.connections`).
"""

from collections.abc import Awaitable
from itertools import chain
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from services.kit.problems import BadRequest, HeadTooLarge, Problem, TooLong, invalid
from services.kit.telemetry import refusal

MAX_TARGET: Final = 8_192
"""Bytes of path and query together."""

MAX_PARAMETERS: Final = 100
MAX_FIELDS: Final = 100
MAX_FIELD_BYTES: Final = 32_768
"""Bytes of all header fields together, names and values; a token may hold half of them."""


_ONCE: Final = {
    b"idempotency-key": "Idempotency-Key",
    b"if-match": "If-Match",
    b"last-event-id": "Last-Event-ID",
}
"""Fields that have one value, of which a second one would be left out."""


class HeadLimit:
    """Refuses addresses beyond 8 kB (414), more than 100 parameters (400), header fields beyond 100 or 32 kB (431).

    And a second If-Match, Idempotency-Key or Last-Event-ID (422).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One connection of an ASGI server."""
        problem = _wrong_with(scope) if scope["type"] == "http" else None
        if problem is None:
            return self._app(scope, receive, send)
        problem.headers["Connection"] = "close"
        return refusal(problem, scope, instance=scope["path"][:200])(scope, receive, send)


def _wrong_with(scope: Scope) -> Problem | None:
    query: bytes = scope["query_string"]
    fields: list[tuple[bytes, bytes]] = scope["headers"]
    if len(scope.get("raw_path") or scope["path"]) + len(query) > MAX_TARGET:
        return TooLong("uri_too_long", f"The address may hold at most {MAX_TARGET:,} bytes.")
    if query.count(b"&") >= MAX_PARAMETERS:
        return BadRequest("too_many_parameters", f"The query may hold at most {MAX_PARAMETERS} parameters.")
    if len(fields) > MAX_FIELDS or sum(map(len, chain.from_iterable(fields))) > MAX_FIELD_BYTES:
        return HeadTooLarge(
            "headers_too_large",
            f"There may be at most {MAX_FIELDS} header fields, of {MAX_FIELD_BYTES:,} bytes together.",
        )
    once = [name for name, _ in fields if name in _ONCE]
    if len(once) > 1 and (twice := next((name for name in _ONCE if once.count(name) > 1), None)):
        return invalid(_ONCE[twice], "duplicate", "is given twice; give it once")
    return None
