"""Seen from outside: an id for every request, a line for every answer.

The middleware is plain ASGI, because it costs every request: Starlette's base class alone is a third of a
millisecond. `Telemetry` is the outermost; what crashes inside is logged there and answered as a problem.
"""

import re
import time
from collections.abc import Awaitable, Mapping

import structlog
from fastapi.telemetry import TelemetryConfig
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from services.kit import tracing
from services.kit.languages import language_of
from services.kit.logs import ANSWERED, say_within, say_without
from services.kit.problems import Problem, problem_response
from services.kit.tracing import TRACE, Span, SpanKind, StatusCode
from services.kit.traffic import UNMATCHED, Traffic
from services.kit.words import KIT_WORDS, Words

REQUEST_ID = "foothold.request_id"
TRACEPARENT = "foothold.traceparent"
ROUTE = "foothold.route"
SAID_WITH = "foothold.said_with"
"""Header fields that go out with whatever the request is answered, a list to be added to."""

_FIELDS = "foothold.fields"

# FastAPI's own would tell of queries and of the texts of errors.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}

_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def request_id_of(scope: Scope) -> str | None:
    """The id of the request, in its log lines and its answer; None outside of `Telemetry`."""
    return scope.get(REQUEST_ID)


def refusal(
    problem: Problem, scope: Scope, *, instance: str | None = None, words: Words = KIT_WORDS
) -> Response:
    """The answer of a request that is refused, in its reader's language; `instance` stands for its path."""
    return problem_response(
        problem,
        request_id=request_id_of(scope),
        instance=scope["path"] if instance is None else instance,
        language=language_of(scope),
        words=words,
    )


def traceparent_of(scope: Scope) -> str | None:
    """The W3C traceparent of the request: its own span's, else the one that came, if it has the right form."""
    return scope.get(TRACEPARENT)


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name (in lower case), as it came."""
    fields: dict[bytes, bytes] | None = scope.get(_FIELDS)
    if fields is None:
        fields = scope[_FIELDS] = dict(reversed(scope["headers"]))
    return fields.get(name)


class Telemetry:
    """Gives every request an id, answers crashes, writes one line an answer, and tells `traffic` of it.

    The caller's X-Request-Id is taken over if it is 8 to 64 letters, digits, dots, dashes and underscores.
    The line holds method, route template (never the path: it may hold personal data), status, milliseconds, and the
    trace's id where there is one. Nobody is named in it: the journal says who changed what.
    """

    def __init__(self, app: ASGIApp, service: str, traffic: Traffic | None = None) -> None:
        self._app = app
        self._log = structlog.get_logger(service=service)
        self._traffic = traffic

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One request of an ASGI server; what is not HTTP goes through untouched."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        answer = _Answer(scope, send)
        if tracing.on():
            return self._traced(scope, receive, answer)
        scope[TRACEPARENT] = _came(scope)
        return self._answered(scope, receive, answer)

    async def _traced(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        fields = {
            name: value.decode("latin-1") for name in TRACE if (value := header_of(scope, name.encode()))
        }
        with tracing.span(scope["method"], SpanKind.SERVER, within=fields) as span:
            scope[TRACEPARENT] = tracing.traceparent(span)
            await self._answered(scope, receive, answer)
            _tell_span(span, scope, answer.status)

    async def _answered(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        started = time.perf_counter()
        if self._traffic:
            self._traffic.in_flight += 1
        within = say_within(_named(scope))
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            self._log.info("caller_left")
        except Exception as error:  # noqa: BLE001 - the last resort of every request
            self._log.error("crashed", exc_info=error)
            await _answer_crash(scope, receive, answer)
        finally:
            self._note(scope, answer.status, time.perf_counter() - started)
            say_without(within)

    def _note(self, scope: Scope, status: int | None, seconds: float) -> None:
        route = _route_of(scope)
        if self._traffic:
            self._traffic.in_flight -= 1
            self._traffic.answered(scope["method"], route, status, seconds)
        self._log.info(
            ANSWERED,
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
        )


def _named(scope: Scope) -> Mapping[str, str]:
    """What every line says that is written within the request."""
    traceparent = traceparent_of(scope)
    named = {"request_id": scope[REQUEST_ID]}
    return {**named, "trace_id": traceparent[3:35]} if traceparent else named


def _came(scope: Scope) -> str | None:
    value = header_of(scope, b"traceparent")
    return value.decode("ascii") if value is not None and _TRACEPARENT.fullmatch(value) else None


def _tell_span(span: Span, scope: Scope, status: int | None) -> None:
    route = _route_of(scope)
    span.update_name(f"{scope['method']} {route}")
    span.set_attribute("http.request.method", scope["method"])
    span.set_attribute("http.route", route)
    span.set_attribute("foothold.request_id", scope[REQUEST_ID])
    if status is not None:
        span.set_attribute("http.response.status_code", status)
    if status is None or status >= 500:
        span.set_status(StatusCode.ERROR)


class _Answer:
    """The answer on its way out: notes its status, adds the request id and what else is said with every answer."""

    __slots__ = ("_send", "_with", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        request_id = scope[REQUEST_ID] = _request_id(scope)
        self.status: int | None = None
        self._with = scope[SAID_WITH] = [(b"x-request-id", request_id.encode("ascii"))]
        self._send = send

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._with]
        return self._send(message)


def _request_id(scope: Scope) -> str:
    given = header_of(scope, b"x-request-id")
    return given.decode("ascii") if given is not None and _REQUEST_ID.fullmatch(given) else str(uuid7())


def _route_of(scope: Scope) -> str:
    named: str | None = scope.get(ROUTE) or getattr(scope.get("route"), "path", None)
    return named or UNMATCHED


async def _answer_crash(scope: Scope, receive: Receive, answer: _Answer) -> None:
    # An answer that has begun cannot be taken back; the server notices that it does not end, and hangs up.
    if answer.status is None:
        problem = Problem("internal", "Something went wrong on our side; the request id finds it in our log.")
        await refusal(problem, scope)(scope, receive, answer.send)
