"""`foothold status`: the figures of events, read from metrics and said of a stack whose parts are down."""

import asyncio
from collections.abc import Mapping

import httpx
import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from deploy.local.event_figures import Told, gather, of_metrics, quantile
from deploy.local.home import Record
from deploy.local.identity import myself
from deploy.local.stack import SERVICES
from services.kit.metrics import counter, gauge
from services.kit.worker_metrics import timer
from tests.conftest import DatabaseUrl
from tests.kit.backbone import prepare

INF = float("inf")


class Shown(Collector):
    """A registry's figures that are given."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> tuple[Metric, ...]:
        return self._families


def test_a_workers_metrics_are_read_as_they_are_written() -> None:
    registry = CollectorRegistry()
    took = timer("contacts", registry)
    for _ in range(100):
        took("account", 0.04)
    ignored = {("visit.created.v1",): 3.0, ("other",): 1.0}
    registry.register(
        Shown(
            gauge("relay_leads", "Leads.", "contacts", value=True),
            counter("consumer_ignored", "Ignored.", "contacts", ignored, ("type",)),
        )
    )
    assert of_metrics(generate_latest(registry).decode()) == {
        "relay_leads": True,
        "ignored": {"visit.created.v1": 3, "other": 1},
        "handlers_ms": {"account": {"p50": 37.5, "p99": 49.75}},
    }


def test_a_worker_that_has_done_nothing_yet_leads_nothing() -> None:
    assert of_metrics("") == {"relay_leads": False, "ignored": {}, "handlers_ms": {}}


@pytest.mark.parametrize(
    ("buckets", "share", "value"),
    [
        ([(1, 10), (2, 10), (INF, 10)], 0.5, 0.5),
        ([(1, 0), (2, 10), (INF, 10)], 0.5, 1.5),
        ([(1, 5), (2, 10), (INF, 10)], 0.5, 1.0),
        ([(1, 5), (2, 10), (INF, 10)], 0.99, 1.98),
        ([(1, 0), (2, 0), (INF, 4)], 0.99, 2.0),
        ([(1, 0), (2, 0), (INF, 0)], 0.99, 0.0),
    ],
)
def test_a_quantile_lies_in_the_bucket_that_holds_it(
    buckets: list[tuple[float, float]], share: float, value: float
) -> None:
    assert quantile(buckets, share) == pytest.approx(value)


def test_rebuilds_that_are_not_at_their_end_are_told_with_the_age_of_the_oldest(
    database_url: DatabaseUrl,
) -> None:
    url = database_url("backbone", prepare)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(
            """INSERT INTO rebuild (consumer, topic, republish_id, aggregates, asked_at, swept_at)
            SELECT 'contacts', 'made.events', uuidv7(), '{}', now() - age, swept
            FROM (VALUES (interval '1 hour', NULL), ('2 hours', NULL), ('3 hours', now())) r(age, swept)"""
        )
    told = gathered({"CONTACTS_DATABASE_URL": url})["contacts"]
    assert told["rebuilds"] == 2
    assert 7200 <= told["rebuild_seconds"] < 7300


def test_nothing_is_known_of_a_stack_whose_parts_are_all_down() -> None:
    told = gathered({})
    assert set(told) == set(SERVICES)
    for figures in told.values():
        assert set(figures.values()) == {None}
        assert {"unnumbered", "lag", "dead_letters", "relay_leads"} <= figures.keys()


def gathered(known: Mapping[str, str]) -> dict[str, Told]:
    """What is told of a stack of which no more is up than the databases at the known addresses."""
    nowhere = {f"{service.upper()}_DATABASE_URL": "postgresql://127.0.0.1:1/x" for service in SERVICES}
    addresses = {**nowhere, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **known}
    record = Record(myself(), "serving", 8000, addresses, children=())

    async def asked() -> dict[str, Told]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await gather(record, client)

    return asyncio.run(asked())
