"""From one descriptor of a service to its HTTP side: what a process of it serves, and in which layers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Protocol

import psycopg
from fastapi import FastAPI, Query, Response

from services.kit import openapi, versions
from services.kit.answers import json_text
from services.kit.bodies import BodyLimit
from services.kit.bodiless import Bodiless
from services.kit.clients import AsyncClient, open_client
from services.kit.db import Database, OnStatement
from services.kit.descriptor import Service
from services.kit.growth import MAX_WAIT, UNKNOWN, Head
from services.kit.heads import HeadLimit
from services.kit.identity import Verifier, Viewer
from services.kit.membership import member_lookup
from services.kit.metrics import Metrics, install_metrics, of_an_api, show_pool
from services.kit.numbering import Bell
from services.kit.pressure import Pressure
from services.kit.problems import Unavailable
from services.kit.refusals import install_problems
from services.kit.settings import Settings
from services.kit.telemetry import NO_TELEMETRY, Telemetry
from services.kit.traffic import Traffic


class Judge(Protocol):
    """Whoever turns an Authorization header into a viewer: a `Verifier`, or a stand-in in tests."""

    async def viewer(self, authorization: str | None) -> Viewer: ...

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *_: object) -> None: ...


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
    verifier = judge or Verifier(settings, member_lookup(db, settings.deleted_days))
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
