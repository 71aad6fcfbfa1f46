"""From one descriptor of a service to its HTTP side.

Routes are written out in their rooms; what they share is here: the caller's `Call`, a session whose commit comes before
the answer, a strict reading of bodies, and refusals as problems.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import MetaData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.kit import idempotency, openapi, versions
from services.kit.access import require_scope, scope_of
from services.kit.aggregates import Aggregate
from services.kit.bodies import BodyLimit, takes_uploads
from services.kit.bodiless import Bodiless
from services.kit.clients import AsyncClient, open_client
from services.kit.collisions import anew
from services.kit.conditional import etag, etag_of, unless_had
from services.kit.current import Shown
from services.kit.db import Database, OnStatement, Session
from services.kit.dependants import Deletable
from services.kit.events import PublicAggregate
from services.kit.growth import MAX_WAIT, UNKNOWN, Head
from services.kit.handlers import Batch, Handler
from services.kit.heads import HeadLimit
from services.kit.identity import Verifier, Viewer
from services.kit.journal import Cause
from services.kit.membership import member_lookup
from services.kit.metrics import Metrics, install_metrics, of_an_api, show_pool
from services.kit.numbering import Bell
from services.kit.pressure import Pressure, is_dear
from services.kit.problems import (
    PROBLEM_RESPONSE,
    FieldError,
    Forbidden,
    Invalid,
    Problem,
    Unavailable,
)
from services.kit.profiles import Import
from services.kit.refusals import install_problems
from services.kit.settings import Settings
from services.kit.strict import StrictRequest
from services.kit.telemetry import NO_TELEMETRY, Telemetry, request_id_of, traceparent_of
from services.kit.traffic import Traffic
from services.kit.vouching import Vouched, vouched_for
from services.kit.words import KIT_WORDS, Words

# Roles that need no member row.
STANDING_ROLES = frozenset({"admin", "service", "executive", "marketing", "reporting"})


class Part(Protocol):
    """Something that a worker runs until it is told to stop, and that knows whether it can do its work."""

    async def run(self, stop: asyncio.Event) -> None: ...

    def ready(self) -> str | None: ...


@dataclass(frozen=True, eq=False)
class Service:
    """What a service is made of; `main.py` of each service holds exactly one.

    `aggregates` are those that it tells of, what others need to know first coming first; `deletables` are what is
    purged, each before what it hangs on.
    """

    name: str
    title: str
    description: str
    routers: tuple[APIRouter, ...]
    metadata: MetaData
    migrations: Path
    aggregates: tuple[Aggregate, ...]
    public: tuple[PublicAggregate, ...]
    handlers: Mapping[str, Handler | Batch] = field(default_factory=dict[str, Handler | Batch])
    consumes: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    parts: tuple[Callable[[Settings, Database], Part], ...] = ()
    words: Words = KIT_WORDS
    deletables: tuple[Deletable, ...] = ()


@dataclass(frozen=True, eq=False)
class Call:
    """One request as use cases see it: who asks, on what occasion, and what the process offers.

    `vouched` is what owners have shown the caller of what is not known here; None as long as none was asked.
    """

    viewer: Viewer
    cause: Cause
    db: Database
    settings: Settings
    bell: Bell
    client: AsyncClient
    token: str
    head: Head
    vouched: Vouched | None = None

    @property
    def member_id(self) -> Any:
        """The viewer's member id; None for service accounts and administrators without a member row."""
        return self.viewer.member_id


class Judge(Protocol):
    """Whoever turns an Authorization header into a viewer: a `Verifier`, or a stand-in in tests."""

    async def viewer(self, authorization: str | None) -> Viewer: ...

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *_: object) -> None: ...


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
                call = request.state.call = await _called_by(request, self.path_format, uploads=uploads)
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


async def _called_by(request: Request, path: str, *, uploads: bool) -> Call:
    state = request.app.state
    authorization = request.headers.get("authorization")
    viewer = await state.verifier.viewer(authorization)
    _require_standing(viewer, state.settings.access_contact)
    require_scope(viewer, scope_of(state.service.name, request.method, path))
    # A body is there, and of a media type that is read here, before a connection is taken; a file is read by its route.
    key = await idempotency.key_of(request, viewer, body=b"" if uploads else await request.body())
    request.state.idempotency = key
    cause = Cause(
        actor=viewer.actor,
        member_id=viewer.member_id,
        request_id=request_id_of(request.scope),
        traceparent=traceparent_of(request.scope),
        key=key,
    )
    return Call(
        viewer,
        cause,
        state.db,
        state.settings,
        state.bell,
        state.client,
        (authorization or "").partition(" ")[2],
        state.head,
    )


def _require_standing(viewer: Viewer, contact: str) -> None:
    if viewer.member_id is None and not viewer.roles & STANDING_ROLES:
        raise Forbidden(
            "not_a_member",
            "Your token is good, but no member has your mail address (verified by the issuer) or your subject; "
            f"ask {contact}, and tell them the subject: {viewer.subject}",
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


def shown(row: Shown, *, status: int = 200, location: str | None = None) -> Response:
    """The answer that shows a row, with its ETag."""
    headers = {"ETag": etag(row.version)} | ({"Location": location} if location else {})
    return Response(row.json, status_code=status, media_type="application/json", headers=headers)


def put_under(collection: str, row: Shown, *, new: bool) -> Response:
    """The answer that shows what was put: 201 with where it is from now on, if it is new."""
    return shown(row, status=201, location=f"{collection}/{row.id}") if new else shown(row)


def json_text(text: str, *, status: int = 200) -> Response:
    """An answer that PostgreSQL rendered."""
    return Response(text, status_code=status, media_type="application/json")


def tagged(text: str) -> Response:
    """An answer without a version, its ETag made of what it says."""
    answer = json_text(text)
    answer.headers["ETag"] = etag_of(text.encode())
    return answer


def create_api(
    service: Service,
    settings: Settings,
    *,
    judge: Judge | None = None,
    peers: AsyncClient | None = None,
    on_statement: OnStatement | None = None,
) -> FastAPI:
    """The service's HTTP side. Tests give a judge, a client for other services and a listener to statements."""
    db = Database(
        settings.database_url(service.name),
        name=f"{service.name}-api",
        size=settings.database_pool_size,
        on_statement=on_statement,
    )
    bell = Bell(settings.database_url(service.name))
    head = Head(db)
    client = peers or open_client()
    verifier = judge or Verifier(settings, member_lookup(db))
    metrics = Metrics(of_an_api(service.name, db))
    traffic = Traffic(service.name, metrics.registry)
    show_pool(service.name, db, metrics.registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await db.open()
        async with bell, verifier, client:
            yield
        await head.close()
        await db.close()

    app = FastAPI(
        title=service.title,
        description=service.description,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.db, app.state.settings, app.state.bell = db, settings, bell
    app.state.verifier, app.state.client, app.state.head = verifier, client, head
    app.state.pressure = Pressure(
        seconds=settings.request_seconds,
        dear=max(settings.database_pool_size // 2, 1),
        refused=traffic.refused,
    )
    app.state.service = service
    for routes in service.routers:
        # As they are: a router that is included is asked twice for each request, a tenth of a list's time.
        app.router.routes.extend(routes.routes)
    _install_health(app, service, db)
    _install_head(app, head)
    install_metrics(app, metrics)
    _describe_in_full(app, service)
    install_problems(app, service.routers, words=service.words)
    app.add_middleware(Bodiless)
    app.add_middleware(BodyLimit)
    app.add_middleware(HeadLimit)
    app.add_middleware(Telemetry, service=service.name, traffic=traffic)
    return app


def _describe_in_full(app: FastAPI, service: Service) -> None:
    describe = app.openapi
    kept: list[dict[str, Any]] = []

    def described() -> dict[str, Any]:
        if not kept:
            kept.append(openapi.completed(describe(), service.words))
        return kept[0]

    app.openapi = described


def _install_health(app: FastAPI, service: Service, db: Database) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:  # pyright: ignore[reportUnusedFunction]
        return json_text('{"status":"alive"}')

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:  # pyright: ignore[reportUnusedFunction]
        await require_migrated(service, db)
        return json_text('{"status":"ready"}')


def _install_head(app: FastAPI, head: Head) -> None:
    @app.get("/headz", include_in_schema=False)
    async def headz(beyond: int = UNKNOWN, wait: Annotated[int, Query(ge=0, le=MAX_WAIT)] = 0) -> Response:  # pyright: ignore[reportUnusedFunction]
        """For the gateway: waits, up to `wait` seconds, until the journal's head is beyond a position."""
        return json_text(f'{{"position":{await head.beyond(beyond, wait)}}}')


async def require_migrated(service: Service, db: Database) -> None:
    """Raises Unavailable when the database does not answer within 2 s, or is not migrated to what the program needs."""
    try:
        async with asyncio.timeout(2), db.connect() as session:
            version = await versions.version_of(session)
    except (psycopg.Error, TimeoutError) as error:
        raise Unavailable("database", "The database does not answer.") from error
    if reason := versions.behind(service, version):
        raise Unavailable("not_migrated", reason)
