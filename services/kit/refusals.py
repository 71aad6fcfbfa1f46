"""Refusals: every way in which a request can fail, as a problem document.

What ends in a refusal may have had its effect before: under an Idempotency-Key the stored answer is looked for first.
"""

from collections.abc import Sequence

import psycopg
import psycopg_pool
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from services.kit import idempotency
from services.kit.collisions import COLLISIONS, is_same_key
from services.kit.db import violated
from services.kit.problems import (
    SOON,
    BadRequest,
    Conflict,
    FieldError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unavailable,
    database_silent,
)
from services.kit.strict import field_errors
from services.kit.telemetry import refusal
from services.kit.words import KIT_WORDS, Words

# What a connection says to a server that has become a standby, or that has given the transaction up; to psycopg they
# are no operational errors.
_FAILING_OVER = (
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)
# The class of the program's limits, such as the size of an index's row: the same again will not fit either.
_BEYOND_LIMITS = "54"


def install_problems(app: FastAPI, routers: Sequence[APIRouter] = (), *, words: Words = KIT_WORDS) -> None:
    """Turns every way in which a request can fail into a problem document; crashes are `Telemetry`'s."""
    routes = [*app.routes, *(route for router in routers for route in router.routes)]

    async def refused(request: Request, error: Exception) -> Response:
        return await _refuse(request, _problem_of(error), words)

    async def not_allowed(request: Request, _: Exception) -> Response:
        allowed = ", ".join(sorted({m for route in routes for m in _methods(route, request)}))
        problem = MethodNotAllowed(
            "method_not_allowed", f"This path takes {allowed}.", headers={"Allow": allowed}
        )
        return await _refuse(request, problem, words)

    for kind in (
        Problem,
        RequestValidationError,
        HTTPException,
        psycopg.IntegrityError,
        psycopg.DataError,
        psycopg.OperationalError,
        *_FAILING_OVER,
        psycopg_pool.PoolTimeout,
    ):
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(405, not_allowed)


def _methods(route: BaseRoute, request: Request) -> set[str]:
    if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
        methods = route.methods or set[str]()
        return methods | {"HEAD"} if "GET" in methods else methods
    return set()


async def _refuse(request: Request, problem: Problem, words: Words) -> Response:
    key: idempotency.Key | None = getattr(request.state, "idempotency", None)
    if key is not None and problem.status < 500:
        try:
            answer = await idempotency.stored_answer(request.app.state.db, key)
        except Problem as reused:
            problem, answer = reused, None
        if answer is not None:
            return answer
    return refusal(problem, request.scope, instance=request.url.path, words=words)


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid_request(error)
        case HTTPException(status_code=404):
            return NotFound("path")
        case HTTPException(status_code=status) if status < 500:
            return BadRequest("bad_request", "The request cannot be read.")
        case psycopg.errors.LockNotAvailable() if is_same_key(error):
            return idempotency.still_running()
        case _ if isinstance(error, COLLISIONS):
            return Unavailable(
                "locked", "Others are changing the same at this moment; try again.", headers=SOON
            )
        case psycopg.IntegrityError():
            return _integrity(error)
        case psycopg.Error(sqlstate=str(state)) if state.startswith(_BEYOND_LIMITS):
            return Invalid(
                [
                    FieldError(
                        "body",
                        "too_large",
                        "holds a text that takes too many bytes to be sorted by; shorten it",
                    )
                ]
            )
        case psycopg.DataError():
            return Invalid([FieldError("body", "value", "holds a value that cannot be stored")])
        case _:
            return database_silent()


def _invalid_request(error: RequestValidationError) -> Problem:
    errors = field_errors(error.errors())
    if any(e.code == "json_invalid" for e in errors):
        return BadRequest("json_invalid", errors[0].message, errors=errors)
    return Invalid(errors)


def _integrity(error: psycopg.IntegrityError) -> Problem:
    name = error.diag.constraint_name or ""
    if name == idempotency.CONSTRAINT:
        return idempotency.still_running()
    if name.startswith("journal_"):
        return Invalid(
            [FieldError("body", "too_large", "is larger than 250,000 bytes as it would be recorded")]
        )
    field_, code = violated(error)
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict(
            code or "duplicate",
            f"There is one with the same {field_ or 'key'} already. One that is deleted keeps it until it is purged:"
            " restore that one.",
        )
    return Invalid(
        [FieldError(field_ or "body", code or "constraint", _SAID.get(code, "does not fit the other fields"))]
    )


_SAID = {
    "unknown": "names something that does not exist, or that you may not see",
    "range": "is out of range",
    "self": "names the row itself",
}
