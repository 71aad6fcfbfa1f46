"""What a process shows of itself at `GET /metrics`, as text for Prometheus.

One process has one port, so each has a registry of its own. Figures are told apart by the label `service`, whoever
scrapes them and under whatever name. Nobody is asked for a token, as at `/healthz`: no figure tells of a person.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

import psycopg
from fastapi import FastAPI, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.kit.db import Database

PATIENCE = 2.0
"""Seconds that a scrape waits for the database before it says that there is none."""

Read = Callable[[], Awaitable[Iterable[Metric]]]
Samples = Mapping[tuple[str, ...], float]


async def _nothing() -> Iterable[Metric]:
    return ()


class Metrics(Collector):
    """The figures of a process: memory, processor time and open files, what else is registered, and what `read` gives
    at each scrape."""

    def __init__(self, read: Read = _nothing) -> None:
        self.registry = CollectorRegistry()
        self.read = read
        self._latest: Iterable[Metric] = ()
        for its_own in (ProcessCollector, PlatformCollector, GCCollector):
            its_own(registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """What was read last."""
        return self._latest

    async def answer(self) -> Response:
        """All of it, read anew."""
        self._latest = await self.read()
        return Response(generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def install_metrics(app: FastAPI, metrics: Metrics) -> None:
    """Has the app answer `GET /metrics`."""

    @app.get("/metrics", include_in_schema=False)
    async def shown() -> Response:  # pyright: ignore[reportUnusedFunction]
        return await metrics.answer()


def gauge(name: str, text: str, service: str, value: float | Samples, labels: tuple[str, ...] = ()) -> Metric:
    """One figure of the service that goes up and down, or one for each combination of `labels`."""
    return _filled(GaugeMetricFamily(f"foothold_{name}", text, labels=("service", *labels)), service, value)


def counter(
    name: str, text: str, service: str, value: float | Samples, labels: tuple[str, ...] = ()
) -> Metric:
    """The same for what only grows while the process lives; its name ends in `_total`."""
    return _filled(CounterMetricFamily(f"foothold_{name}", text, labels=("service", *labels)), service, value)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, service: str, value: float | Samples) -> Metric:
    samples = value if isinstance(value, Mapping) else {(): value}
    for labels, sample in samples.items():
        family.add_metric((service, *labels), sample)
    return family


def show_pool(service: str, db: Database, registry: CollectorRegistry) -> None:
    """Has the process show how its connections to the database are used."""
    text = "Connections to the database by use, and requests that wait for one."
    found = Gauge("foothold_pool", text, ("service", "state"), registry=registry)
    for state in ("used", "idle", "waiting"):
        found.labels(service, state).set_function(partial(_in_pool, db, state))


def _in_pool(db: Database, state: str) -> float:
    return db.usage()[state]


def database_up(service: str, *, up: bool) -> Metric:
    """Whether the database answered this scrape."""
    return gauge("database_up", "Whether the database answers.", service, up)


def of_an_api(service: str, db: Database) -> Read:
    """What an api tells beyond its own: whether its database answers."""

    async def read() -> Iterable[Metric]:
        try:
            async with asyncio.timeout(PATIENCE), db.connect() as session:
                await session.execute("SELECT")
        except (psycopg.Error, TimeoutError):
            return [database_up(service, up=False)]
        return [database_up(service, up=True)]

    return read
