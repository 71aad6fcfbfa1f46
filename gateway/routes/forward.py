"""Forwarding: the request goes on under the same path, the answer comes back as it is.

Bodies are streamed both ways; a small one that is there already goes in one piece. Nothing is sent twice.
"""

from collections.abc import AsyncIterator, Iterable
from typing import cast

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway.routes.door import Passed
from gateway.upstreams import Upstreams
from services.kit.bodies import takes_uploads
from services.kit.clients import TROUBLES, ClientResponse, Trouble, Waits, trouble_of
from services.kit.problems import SOON, BadRequest, Problem, Unavailable, UpstreamTimeout
from services.kit.telemetry import header_of, request_id_of

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 30.0
IMPORT_SECONDS = 300.0
WHOLE_BODY = 262_144

# Headers that speak of one connection, and those that are said afresh on each side.
_HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"))
_OF_PROXIES = frozenset((b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"))
_NOT_ONWARD = _HOP_BY_HOP | _OF_PROXIES | {b"host", b"expect", b"x-request-id"}
_NOT_ONWARD_ALONE = _NOT_ONWARD | {b"content-length", b"content-type"}
_NOT_BACK = _HOP_BY_HOP | _OF_PROXIES | {b"date", b"server", b"x-request-id"}
_OF_CALLERS = (b"authorization", b"traceparent", b"tracestate", b"accept-language")

log = structlog.get_logger(service="gateway")


class Forward:
    """Hands requests on to the services that own them."""

    def __init__(self, upstreams: Upstreams, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._upstreams = upstreams
        self._waits = Waits(sock_connect=CONNECT_SECONDS, sock_read=answer_seconds)
        self._import_waits = Waits(
            sock_connect=CONNECT_SECONDS, sock_read=max(answer_seconds, IMPORT_SECONDS)
        )

    async def __call__(self, passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        """One request that the door let in. Raises Unavailable or UpstreamTimeout as long as nothing is sent."""
        body = None if scope["method"] in ("GET", "HEAD") else await _body(receive)
        call = self._upstreams.call(
            passed.service,
            scope["method"],
            passed.target,
            headers=onward(scope, body=body is not None),
            body=body,
            waits=self._import_waits if takes_uploads(scope["method"], scope["path"]) else self._waits,
        )
        relay = _Relay(send)
        try:
            async with call as answer:
                await relay.send(answer)
        except TROUBLES as error:
            trouble = trouble_of(error)
            if not relay.started:
                raise refused(trouble, passed.service, scope["method"]) from error
            # An answer that has begun cannot be taken back; it is left unfinished, and the server hangs up.
            log.warning("answer_broke_off", upstream=passed.service, reason=trouble)


class _Relay:
    """The answer on its way back."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def send(self, answer: ClientResponse) -> None:
        length = answer.content_length
        if length is not None and length <= WHOLE_BODY:
            body = await answer.read()
            await self._start(answer)
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._start(answer)
        async for piece in answer.content.iter_any():
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _start(self, answer: ClientResponse) -> None:
        self.started = True
        headers = back(answer.raw_headers)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})


def onward(scope: Scope, *, body: bool) -> list[tuple[str, str]]:
    """The headers that go on to a service: those that came, without what belongs to the connection."""
    dropped = _NOT_ONWARD if body else _NOT_ONWARD_ALONE
    if named := _named_by_connection(scope):
        dropped |= named
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    try:
        kept = [
            (name.decode("ascii"), value.decode("utf-8")) for name, value in headers if name not in dropped
        ]
    except UnicodeDecodeError as error:
        raise BadRequest("header_malformed", "A header holds bytes that are not UTF-8.") from error
    kept.append(("x-request-id", request_id_of(scope) or ""))
    return kept


def asking(scope: Scope) -> list[tuple[str, str]]:
    """The headers with which services are asked for their parts of an answer, on the caller's behalf."""
    passed_on = [(name, header_of(scope, name)) for name in _OF_CALLERS]
    kept = [(name.decode(), value.decode("latin-1")) for name, value in passed_on if value is not None]
    return [*kept, ("accept", "application/json"), ("x-request-id", request_id_of(scope) or "")]


async def send_whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Sends an answer that is there as a whole."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _named_by_connection(scope: Scope) -> frozenset[bytes]:
    value = (header_of(scope, b"connection") or b"").lower()
    if value in (b"", b"keep-alive", b"close"):
        return frozenset()
    return frozenset(name.strip() for name in value.split(b","))


def back(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that go back to the caller, their names in lower case."""
    return [(lower, value) for name, value in headers if (lower := name.lower()) not in _NOT_BACK]


def refused(trouble: Trouble, service: str, method: str) -> Problem:
    """The answer for a service that does not answer, or not in a usable way."""
    doubt = "" if method in ("GET", "HEAD") else _DOUBT
    match trouble:
        case "unreachable":
            detail = f"The {service} service cannot be reached; try again."
            return Unavailable("upstream_unreachable", detail, headers=SOON)
        case "timeout":
            return UpstreamTimeout(
                "upstream_timeout", f"The {service} service did not answer in time.{doubt}"
            )
        case "error":
            detail = f"The {service} service gave no usable answer.{doubt}"
            return Unavailable("upstream_broken", detail, headers=SOON)


_DOUBT = " Whether the change took effect is not known: repeat it under the same Idempotency-Key."


async def _body(receive: Receive) -> bytes | AsyncIterator[bytes] | None:
    message = await receive()
    if message["type"] != "http.request":
        raise ClientDisconnect
    first: bytes = message.get("body", b"")
    return _pieces(first, receive) if message.get("more_body") else first or None


async def _pieces(first: bytes, receive: Receive) -> AsyncIterator[bytes]:
    yield first
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        yield cast("bytes", message.get("body", b""))
        more = message.get("more_body", False)
