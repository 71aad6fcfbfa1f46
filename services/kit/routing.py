"""Routing: what all routes share, each of which is written out in its room.

The caller's `Call` and a session whose commit comes before the answer, both there before FastAPI looks at parameters,
and a strict reading of queries and bodies.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from enum import Enum
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from services.kit.asking import known_once
from services.kit.bodies import takes_uploads
from services.kit.calls import Call, called_by
from services.kit.collisions import anew
from services.kit.conditional import unless_had
from services.kit.db import Session
from services.kit.pressure import Pressure, is_dear
from services.kit.problems import PROBLEM_RESPONSE, FieldError, Invalid, Problem, invalid
from services.kit.strict import StrictRequest
from services.kit.vouching import Vouched, vouched_for

Endpoint = Callable[..., Coroutine[Any, Any, Response]]

_NO_BODY = {"type": "missing", "loc": ("body",), "msg": "Field required"}
_AT_ONCE: AbstractAsyncContextManager[None] = nullcontext()


class _Given(Enum):
    """What an endpoint asks for by a parameter's annotation, and is given here."""

    CALL = "its caller's call"
    READING = "a session for statements that read"
    STATEMENT = "a session for one statement that writes"
    TRANSACTION = "a session for several, in one transaction"


CallDep = Annotated[Call, _Given.CALL]
Reading = Annotated[Session, _Given.READING]
Statement = Annotated[Session, _Given.STATEMENT]
Transaction = Annotated[Session, _Given.TRANSACTION]


class StrictRoute(APIRoute):
    """A route that takes what it declares: JSON of the right media type, no duplicate keys, no query it does not know.

    Lists declare their query parameters in `openapi_extra` and read them by themselves.
    """

    def __init__(self, path: str, endpoint: Endpoint, **how: Any) -> None:
        self._given = _given_to(endpoint)
        super().__init__(path, _without(endpoint, self._given), **how)
        self._begins, self._slashes = path.partition("{")[0], path.count("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is the route's; most others are known by beginning and length, sooner than by a pattern."""
        asked: str = scope["path"]
        if not asked.startswith(self._begins) or asked.count("/") != self._slashes:
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = _of_path_and_body(self) or super().get_route_handler()
        session_for = _session_for(self._given.values())
        uploads = any(takes_uploads(method, self.path_format) for method in self.methods or ())
        bodiless = not uploads and self.body_field is None and not {"GET", "HEAD"} & (self.methods or set())
        waits = any(parameter.alias == "wait" for parameter in self.dependant.query_params)

        async def strictly(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            pressure: Pressure = request.app.state.pressure
            async with pressure.deadline(request, uploads=uploads, waits=waits) as deadline:
                call = request.state.call = await called_by(request, self.path_format, uploads=uploads)
                deadline.arriving = False
                self.check_query(request)
                if bodiless and await request.body():
                    raise invalid("body", "unknown", "is not read here; send none")
                async with pressure.turn() if is_dear(self.endpoint, request) else _AT_ONCE:
                    if session_for is _none:
                        return await answered(request, call)
                    return await vouched_for(partial(told, request, call))

        async def told(request: Request, call: Call, vouched: Vouched | None) -> Response:
            call = request.state.call = replace(call, vouched=vouched) if vouched is not None else call
            return await anew(partial(answered, request, call))

        async def answered(request: Request, call: Call) -> Response:
            try:
                # Its exit, and with it the commit, comes before the answer is sent.
                async with session_for(call) as request.state.session:
                    answer = await handle(request)
            except HTTPException as error:
                # FastAPI hides behind a 400 of its own whatever went wrong while it read the body.
                if isinstance(error.__cause__, Problem | ClientDisconnect):
                    raise error.__cause__ from None
                raise
            return unless_had(request, answer) if 304 in self.responses else answer

        return strictly

    def check_query(self, request: Request) -> None:
        """Raises Invalid naming the query parameters that the route does not declare, or that are given twice."""
        if not request.scope["query_string"] or "parameters" in (self.openapi_extra or {}):
            return
        known = sorted(parameter.alias for parameter in self.dependant.query_params)
        message = f"is not known here; known are {', '.join(known)}" if known else "is not known here"
        errors: list[FieldError] = []
        known_once(sorted(request.query_params.multi_items()), known, message, errors)
        if errors:
            raise Invalid(errors)


def router(tag: str) -> APIRouter:
    """A router for one folder's routes."""
    return APIRouter(
        prefix="/v1",
        tags=[tag],
        route_class=StrictRoute,
        responses={"default": PROBLEM_RESPONSE},
        generate_unique_id_function=lambda route: route.name,
    )


def _of_path_and_body(route: APIRoute) -> Callable[[Request], Coroutine[Any, Any, Response]] | None:
    """The endpoint, called as FastAPI calls it, for a route that asks for a path and a body alone; None for others."""
    asked, body = route.dependant, route.body_field
    call, request_as = asked.call, asked.request_param_name
    others = (asked.query_params, asked.header_params, asked.cookie_params, asked.dependencies)
    bodies = [body] if body is not None and body.field_info.is_required() else []
    if call is None or request_as is None or any(others) or asked.body_params != bodies:
        return None

    async def handle(request: Request) -> Response:
        given = [
            (field, request.path_params[field.alias], ("path", field.alias)) for field in asked.path_params
        ]
        missing = bool(bodies) and not await request.body()
        if not missing:
            given += [(field, await request.json(), ("body",)) for field in bodies]
        values: dict[str, Any] = {request_as: request}
        errors: list[Any] = []
        for field, value, place in given:
            values[field.name], wrong = field.validate(value, values, loc=place)
            errors += wrong
        if missing:
            errors.append(_NO_BODY)
        if errors:
            raise RequestValidationError(errors)
        return await call(**values)

    return handle


def _given_to(endpoint: Endpoint) -> Mapping[str, _Given]:
    """What the endpoint is given, by the names of its parameters."""
    asked = ((each.name, _mark(each)) for each in signature(endpoint).parameters.values())
    return {name: mark for name, mark in asked if mark is not None}


def _mark(parameter: Parameter) -> _Given | None:
    said = getattr(parameter.annotation, "__metadata__", ())
    return next((each for each in said if isinstance(each, _Given)), None)


def _without(endpoint: Endpoint, given: Mapping[str, _Given]) -> Endpoint:
    """The endpoint as FastAPI is to see it, which resolves all else that it asks for.

    As FastAPI's dependencies, what is given here takes a tenth of a read's time to be resolved.
    """
    seen = signature(endpoint)
    left = [each for each in seen.parameters.values() if each.name not in given]
    request_as = next((each.name for each in left if each.annotation is Request), None)
    if request_as is None:
        left.append(Parameter("request", Parameter.KEYWORD_ONLY, annotation=Request))

    @wraps(endpoint)
    async def called(**values: Any) -> Response:
        state = (values[request_as] if request_as else values.pop("request")).state
        for name, what in given.items():
            values[name] = state.call if what is _Given.CALL else state.session
        return await endpoint(**values)

    vars(called)["__signature__"] = seen.replace(parameters=left)
    return called


def _session_for(
    given: Iterable[_Given],
) -> Callable[[Call], AbstractAsyncContextManager[Session | None]]:
    """How the session is opened that the route asks for; None is the session of one that asks for none."""
    return next((_SESSIONS[each] for each in given if each in _SESSIONS), _none)


def _connected(call: Call) -> AbstractAsyncContextManager[Session]:
    return call.db.connect()


@asynccontextmanager
async def _writing(call: Call) -> AsyncGenerator[Session]:
    async with call.db.connect() as session:
        yield session
    call.bell.ring()


@asynccontextmanager
async def _writing_together(call: Call) -> AsyncGenerator[Session]:
    async with call.db.transaction() as session:
        yield session
    call.bell.ring()


def _none(_: Call) -> AbstractAsyncContextManager[None]:
    return nullcontext()


_SESSIONS: Mapping[_Given, Callable[[Call], AbstractAsyncContextManager[Session]]] = {
    _Given.READING: _connected,
    _Given.STATEMENT: _writing,
    _Given.TRANSACTION: _writing_together,
}
