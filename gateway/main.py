"""The composition of the gateway: one door in front of forwarding, composed answers and a few pages.

`python -m gateway.main` serves it on HOST and PORT.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.feeds import Feeds
from gateway.routes import catalog, health, pages
from gateway.routes.account_view import view
from gateway.routes.changes import Changes
from gateway.routes.documents import install_documents
from gateway.routes.door import METHODS, Door, Room, not_allowed
from gateway.routes.forward import ANSWER_SECONDS, Forward
from gateway.routes.parts import PART_SECONDS, Composed
from gateway.routes.person import erased, held
from gateway.routes.stream import Stream
from gateway.upstreams import Calls, Upstreams
from gateway.views.account import PARTS as VIEWED
from gateway.views.operations import CHANGES_PATH, ERASURE_PATH, PERSONAL_DATA_PATH, STREAM_PATH, VIEW_PATH
from gateway.views.person import ERASED, HELD
from gateway.watch import Watch
from services.kit.bodies import BodyLimit
from services.kit.bodiless import Bodiless
from services.kit.heads import HeadLimit
from services.kit.identity import Verifier
from services.kit.logs import configure_logging
from services.kit.metrics import Metrics, install_metrics
from services.kit.problems import BadRequest, NotFound, Problem
from services.kit.rates import Rates
from services.kit.serving import serve
from services.kit.settings import Settings
from services.kit.telemetry import NO_TELEMETRY, Telemetry, refusal
from services.kit.tracing import configure_tracing
from services.kit.traffic import Traffic

TITLE = "Foothold"
DESCRIPTION = (
    "Who decides, where we stand with them, what to do next: one API for accounts, deals and activities."
)

_CORS_REQUEST = (
    "Accept-Language",
    "Authorization",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "traceparent",
    "tracestate",
    "X-Request-Id",
)
_CORS_ANSWER = (
    "Allow",
    "Content-Language",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)


def create_gateway(
    settings: Settings,
    *,
    verifier: Verifier | None = None,
    part_seconds: float = PART_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
    stop: asyncio.Event | None = None,
) -> ASGIApp:
    """The gateway as an ASGI app; its lifespan opens and closes what it calls services with.

    Setting `stop` lets go of all who wait or listen. Tests give a verifier of their own and shorter waits.
    """
    metrics = Metrics()
    traffic = Traffic("gateway", metrics.registry, learning=True)
    upstreams = Upstreams(settings, Calls(metrics.registry))
    watch = Watch(upstreams, stop or asyncio.Event())
    feeds = Feeds(upstreams, watch)
    stream = Stream(feeds, watch)
    judge = verifier or Verifier(settings)
    forward = Forward(upstreams, answer_seconds=answer_seconds)
    door = Door(
        judge,
        rates=_rates(settings, traffic),
        composed=composed(feeds, watch, stream, upstreams, forward, part_seconds=part_seconds),
        forward=forward,
        pages=Bodiless(_pages(upstreams, judge, watch, stream, metrics, settings.oidc_issuer)),
    )
    inner = _shared_with(settings.cors_origins, HeadLimit(BodyLimit(door)))
    return Telemetry(inner, service="gateway", traffic=traffic)


def composed(
    feeds: Feeds, watch: Watch, stream: Stream, upstreams: Upstreams, forward: Room, *, part_seconds: float
) -> Mapping[str, Room]:
    """What the gateway makes of several services' answers, by its route; writes there go to `forward`."""
    return {
        VIEW_PATH: Composed(upstreams, VIEWED, view, part_seconds=part_seconds),
        PERSONAL_DATA_PATH: Composed(upstreams, HELD, held, part_seconds=part_seconds),
        ERASURE_PATH: Composed(upstreams, ERASED, erased, part_seconds=part_seconds, writes=forward),
        catalog.PATH: catalog.Catalog(upstreams),
        CHANGES_PATH: Changes(feeds, watch),
        STREAM_PATH: stream,
    }


def _rates(settings: Settings, traffic: Traffic) -> Rates:
    return Rates(
        reads=settings.rate_reads,
        writes=settings.rate_writes,
        failures=settings.rate_failures,
        refused=traffic.refused,
    )


def _shared_with(origins: tuple[str, ...], app: ASGIApp) -> ASGIApp:
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=_CORS_REQUEST,
        expose_headers=_CORS_ANSWER,
    )


def _pages(
    upstreams: Upstreams, verifier: Verifier, watch: Watch, stream: Stream, metrics: Metrics, issuer: str
) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with verifier, upstreams, watch, stream:
            yield

    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version="1",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.verifier = verifier
    app.include_router(pages.router)
    app.include_router(health.router)
    install_metrics(app, metrics)
    install_documents(app, upstreams, issuer=issuer)
    app.add_exception_handler(Problem, _refused)
    app.add_exception_handler(HTTPException, _refused)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    return refusal(_problem_of(error), request.scope, instance=request.url.path)


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case HTTPException(status_code=404):
            return NotFound("path")
        case HTTPException(status_code=405):
            return not_allowed(("GET", "HEAD"))
        case _:
            return BadRequest("bad_request", "The request cannot be read.")


def main() -> None:
    """Serves on the settings' host and port, until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logging(settings.log_level, process="gateway")
    configure_tracing("gateway")
    stop = asyncio.Event()
    serve(create_gateway(settings, stop=stop), host=settings.host, port=settings.port, ending=stop.set)


if __name__ == "__main__":
    main()
