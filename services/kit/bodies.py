"""Bodies held to their size: a plain ASGI middleware that refuses what is too large, before or while it comes.

Where the connection ends with the answer, what the app has not read of a body is read before the answer: a socket that
is closed with something unread takes back what was written to it (RFC 9112, section 9.6).
"""

import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit.problems import TooLarge
from services.kit.telemetry import header_of, refusal

MAX_BODY = 1_000_000
MAX_UPLOAD = 512_000_000
# A refused body is read to its end up to this size, so that its sender lives to read the refusal.
MAX_DRAINED = 32_000_000

_UPLOADED = re.compile(r"/v1/[^/]+/imports")


def takes_uploads(method: str, path: str) -> bool:
    """Whether a file is sent there. The path decides, not what the sender calls the body."""
    return method == "POST" and _UPLOADED.fullmatch(path) is not None


class BodyLimit:
    """Refuses bodies beyond 1 MB (forms posted to `/v1/<noun>/imports` beyond 512 MB) with a 413 problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One request of an ASGI server. A body whose length is told is refused before it is read."""
        if scope["type"] != "http" or (scope["method"] in ("GET", "HEAD") and not _tells_of_body(scope)):
            return self._app(scope, receive, send)
        limit = _limit_of(scope)
        told = _told_length(scope)
        if told is not None and told > limit:
            return _refuse_body(scope, receive, send, limit, drain=told <= MAX_DRAINED)
        return _LimitedBody(scope, receive, send, limit).handled_by(self._app)


class _LimitedBody:
    """A body counted as it comes. Once too large the app sees a caller that left, and the answer is given here."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limit, self._size = limit, 0
        self._started = self._refused = self._ended = False

    async def handled_by(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self.receive, self.send)
        except Exception:
            if not self._refused:
                raise

    async def receive(self) -> Message:
        if self._size > self._limit:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._ended = not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self._size <= self._limit:
            return message
        # An app that has begun to answer goes on with it; it will not see the rest of the body.
        self._refused = not self._started
        if self._refused:
            await _refuse_body(self._scope, self._receive, self._send, self._limit, drain=True)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._refused:
            return
        if not self._started:
            self._started = True
            if not self._ended and _hangs_up(self._scope):
                await _read_to_end(self._receive)
        await self._send(message)


def _tells_of_body(scope: Scope) -> bool:
    return (
        header_of(scope, b"content-length") is not None or header_of(scope, b"transfer-encoding") is not None
    )


def _hangs_up(scope: Scope) -> bool:
    """Whether the connection ends with the answer; who waits to be told to go on has sent nothing that is unread."""
    last = scope["http_version"] == "1.0" or (header_of(scope, b"connection") or b"").lower() == b"close"
    return last and header_of(scope, b"expect") is None


def _limit_of(scope: Scope) -> int:
    kind = header_of(scope, b"content-type") or b""
    form = kind.lower().startswith(b"multipart/form-data")
    return MAX_UPLOAD if form and takes_uploads(scope["method"], scope["path"]) else MAX_BODY


def _told_length(scope: Scope) -> int | None:
    value = header_of(scope, b"content-length")
    return int(value) if value is not None and value.isdigit() else None


async def _refuse_body(scope: Scope, receive: Receive, send: Send, limit: int, *, drain: bool) -> None:
    ended = drain and await _read_to_end(receive)
    problem = TooLarge("body_too_large", f"The body may hold at most {limit:,} bytes.")
    if not ended:
        problem.headers["Connection"] = "close"
    await refusal(problem, scope)(scope, receive, send)


async def _read_to_end(receive: Receive) -> bool:
    size = 0
    while size <= MAX_DRAINED:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return True
    return False
