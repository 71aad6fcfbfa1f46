"""Routing: what all routes share, each of which is written out in its room.

The caller's `Call` and a session whose commit comes before the answer, both there before FastAPI looks at parameters,
and a strict reading of queries and bodies.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.kit.bodies import takes_uploads
from services.kit.calls import Call, called_by
from services.kit.collisions import anew
from services.kit.conditional import unless_had
from services.kit.db import Session
from services.kit.pressure import Pressure, is_dear
from services.kit.problems import PROBLEM_RESPONSE, FieldError, Invalid, Problem
from services.kit.strict import StrictRequest
from services.kit.vouching import Vouched, vouched_for

_AT_ONCE: AbstractAsyncContextManager[None] = nullcontext()


class StrictRoute(APIRoute):
    """A route that takes what it declares: JSON of the right media type, no duplicate keys, no query it does not know.

    Lists declare their query parameters in `openapi_extra` and read them by themselves.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        session_for = _session_of(self.dependant)
        uploads = any(takes_uploads(method, self.path_format) for method in self.methods or ())
        waits = any(parameter.alias == "wait" for parameter in self.dependant.query_params)

        async def strictly(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            pressure: Pressure = request.app.state.pressure
            async with pressure.deadline(request, uploads=uploads, waits=waits) as deadline:
                call = request.state.call = await called_by(request, self.path_format, uploads=uploads)
                deadline.arriving = False
                self.check_query(request)
                async with pressure.turn() if is_dear(self.endpoint, request) else _AT_ONCE:
                    if session_for is _without:
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
        """Raises Invalid naming the query parameters that the route does not declare."""
        if not request.scope["query_string"] or "parameters" in (self.openapi_extra or {}):
            return
        known = sorted(parameter.alias for parameter in self.dependant.query_params)
        message = f"is not known here; known are {', '.join(known)}" if known else "is not known here"
        unknown = sorted(set(request.query_params) - set(known))
        if unknown:
            raise Invalid([FieldError(name[:100], "unknown_parameter", message) for name in unknown])


def router(tag: str) -> APIRouter:
    """A router for one folder's routes."""
    return APIRouter(
        prefix="/v1",
        tags=[tag],
        route_class=StrictRoute,
        responses={"default": PROBLEM_RESPONSE},
        generate_unique_id_function=lambda route: route.name,
    )


# What a route asks for by its parameters is there before FastAPI looks at them: its own way of opening and closing
# them costs more than all that they do.
async def _call(request: Request) -> Call:
    return request.state.call


async def _reading(request: Request) -> Session:
    return request.state.session


async def _statement(request: Request) -> Session:
    return request.state.session


async def _transaction(request: Request) -> Session:
    return request.state.session


CallDep = Annotated[Call, Depends(_call)]
Reading = Annotated[Session, Depends(_reading)]
Statement = Annotated[Session, Depends(_statement)]
Transaction = Annotated[Session, Depends(_transaction)]


def _session_of(dependant: Dependant) -> Callable[[Call], AbstractAsyncContextManager[Session | None]]:
    """How the session is opened that the route asks for; None is the session of one that asks for none."""
    asked = {each.call for each in dependant.dependencies}
    if _transaction in asked:
        return _writing_together
    if _statement in asked:
        return _writing
    return _connected if _reading in asked else _without


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


def _without(_: Call) -> AbstractAsyncContextManager[None]:
    return nullcontext()
