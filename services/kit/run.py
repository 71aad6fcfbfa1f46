"""The two processes of a service: `api` serves HTTP; `worker` numbers, publishes, consumes and works through jobs."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Response

from services.kit import imports_work, republish
from services.kit.answers import json_text
from services.kit.app import create_api, require_migrated
from services.kit.backoff import pause
from services.kit.consumer import Consumer
from services.kit.db import Database
from services.kit.delivery import Took, untimed
from services.kit.descriptor import Part, Service
from services.kit.events import dead_letter_topic_of, topic_of
from services.kit.heads import HeadLimit
from services.kit.jobs import Worker
from services.kit.logs import configure_logging
from services.kit.metrics import Metrics, install_metrics, show_pool
from services.kit.problems import Unavailable
from services.kit.rebuilding import Sweeping
from services.kit.refusals import install_problems
from services.kit.relay import Relay
from services.kit.republish import Schedule
from services.kit.serving import DRAIN_SECONDS, serve
from services.kit.settings import Settings
from services.kit.sweeper import Sweeper
from services.kit.telemetry import NO_TELEMETRY, Telemetry
from services.kit.tracing import configure_tracing
from services.kit.traffic import Traffic
from services.kit.worker_metrics import Ends, WorkerFigures, timer

SWITCH_SECONDS = 0.0005
"""For which a thread may keep the interpreter to itself, while the event loop has something to answer."""

log = structlog.get_logger()


def run(service: Service) -> None:
    """Runs the process that the first argument names, until SIGTERM or SIGINT."""
    settings = Settings()
    role = sys.argv[1] if len(sys.argv) == 2 else ""
    if role not in ("api", "worker"):
        sys.exit(f"usage: python -m services.{service.name}.main api|worker")
    configure_logging(settings.log_level, process=f"{service.name}-{role}")
    configure_tracing(f"{service.name}-{role}")
    sys.setswitchinterval(SWITCH_SECONDS)
    if role == "api":
        app = create_api(service, settings)
        serve(app, host=settings.host, port=settings.port, ending=app.state.head.end)
    else:
        serve_worker(create_worker(service, settings), settings)


def serve_worker(app: FastAPI, settings: Settings) -> None:
    """Runs a worker until SIGTERM or SIGINT, upon which its parts are told to end before anything else is done."""
    serve(app, host=settings.host, port=settings.port, ending=app.state.stop.set)


def create_worker(service: Service, settings: Settings) -> FastAPI:
    """The worker: its parts in one event loop, with health and metrics over HTTP. Setting `app.state.stop` ends them.

    A part that has not ended `DRAIN_SECONDS` later is cancelled: its transaction is rolled back.
    """
    db = Database(
        settings.database_url(service.name), name=f"{service.name}-worker", size=settings.database_pool_size
    )
    metrics, stop = Metrics(), asyncio.Event()
    show_pool(service.name, db, metrics.registry)
    parts = parts_of(service, settings, db, took=timer(service.name, metrics.registry))
    topics = [*map(topic_of, service.consumes), dead_letter_topic_of(service.name)]
    ends = Ends(settings.kafka_bootstrap_servers, topics)
    metrics.read = WorkerFigures(service.name, db, parts, ends).read

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await db.open()
        running = [
            asyncio.create_task(_until_stopped(part, stop), name=type(part).__name__) for part in parts
        ]
        yield
        stop.set()
        await _ended(running)
        ends.close()
        await db.close()

    app = FastAPI(
        title=f"{service.title} worker",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=NO_TELEMETRY,
    )
    app.state.stop = stop
    _install_health(app, service, db, parts)
    install_metrics(app, metrics)
    install_problems(app)
    app.add_middleware(HeadLimit)
    app.add_middleware(Telemetry, service=service.name, traffic=Traffic(service.name, metrics.registry))
    return app


def parts_of(service: Service, settings: Settings, db: Database, *, took: Took = untimed) -> list[Part]:
    """What a worker of the service runs. `took` is told how long the consumer's handlers take."""
    worker = Worker(db, [imports_work.kind(service.imports, settings)])
    relay = Relay(service.name, settings, db, service.public, busy=lambda: worker.busy)
    parts: list[Part] = [relay]
    if service.consumes:
        parts.append(Consumer(service.name, settings, db, service.consumes, service.handlers, took=took))
        parts.append(Sweeping(service.name, db, service.handlers))
    if service.imports:
        parts.append(worker)
    parts += [Worker(db, [republish.kind(service.aggregates)]), Schedule(db, settings.republish_days)]
    parts.append(
        Sweeper(
            db,
            retention_days=settings.journal_retention_days,
            deletables=service.deletables,
            deleted_days=settings.deleted_days,
        )
    )
    return parts + [make(settings, db) for make in service.parts]


async def _until_stopped(part: Part, stop: asyncio.Event) -> None:
    """Starts the part again when it ends by an error that it did not expect; only stopping ends it."""
    while not stop.is_set():
        try:
            await part.run(stop)
        except Exception:
            log.exception("part_failed", part=type(part).__name__)
            await pause(stop, 1)


async def _ended(running: Sequence[asyncio.Task[None]]) -> None:
    _, late = await asyncio.wait(running, timeout=DRAIN_SECONDS)
    for part in late:
        log.warning("part_cancelled", part=part.get_name())
        part.cancel()


def _install_health(app: FastAPI, service: Service, db: Database, parts: Sequence[Part]) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:  # pyright: ignore[reportUnusedFunction]
        return json_text('{"status":"alive"}')

    @app.get("/readyz")
    async def readyz() -> Response:  # pyright: ignore[reportUnusedFunction]
        await require_migrated(service, db)
        for part in parts:
            reason = part.ready()
            if reason is not None:
                raise Unavailable("not_ready", reason)
        return json_text('{"status":"ready"}')
