"""How far the events of each service have come: what its database, the broker and its worker say, as far as they do."""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
from kafka import TopicPartition
from kafka.errors import KafkaError

from deploy.local.home import Record
from deploy.local.launch import LOOPBACK
from deploy.local.stack import SERVICES
from services.kit.events import dead_letter_topic_of
from services.kit.figures import Figures, figures
from services.kit.kafka import end_offsets, reachable

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

Told = dict[str, Any]
"""Figures by name; None where nobody answers who would know."""

_PATIENCE = 5.0
_OF_DATABASE = (
    "unnumbered",
    "unpublished",
    "oldest_seconds",
    "lag",
    "parked",
    "parked_records",
    "discarded",
    "failed_jobs",
    "rebuilds",
    "rebuild_seconds",
)
_OF_WORKER = ("relay_leads", "ignored", "handlers_ms")


async def gather(record: Record, client: httpx.AsyncClient) -> dict[str, Told]:
    """Of each service what `foothold status --json` shows under `events`."""
    addresses = record.addresses
    held = await asyncio.gather(
        *(_held(service, addresses.get(f"{service.upper()}_DATABASE_URL", "")) for service in SERVICES)
    )
    topics = {place.topic for each in held if each for place in each.places}
    ends = await _ends(addresses.get("KAFKA_BOOTSTRAP_SERVERS", ""), topics)
    workers = await asyncio.gather(*(_of_worker(client, record, service) for service in SERVICES))
    return {
        service: _of_database(database, ends) | {"dead_letters": _dead_letters(service, ends)} | worker
        for service, database, worker in zip(SERVICES, held, workers, strict=True)
    }


async def _held(service: str, url: str) -> Figures | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            session = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=2)
            async with session:
                return await figures(session, service)
    except (psycopg.Error, TimeoutError):
        return None


async def _ends(bootstrap_servers: str, topics: Iterable[str]) -> Mapping[TopicPartition, int] | None:
    wanted = {*topics, *map(dead_letter_topic_of, SERVICES)}
    try:
        if await reachable(bootstrap_servers):
            return await asyncio.to_thread(end_offsets, bootstrap_servers, wanted)
    except (KafkaError, OSError):
        pass
    return None


def _of_database(held: Figures | None, ends: Mapping[TopicPartition, int] | None) -> Told:
    if held is None:
        return dict.fromkeys(_OF_DATABASE)
    return {
        "unnumbered": held.backlog.unnumbered,
        "unpublished": held.backlog.unpublished,
        "oldest_seconds": held.backlog.oldest_seconds,
        "lag": None if ends is None else _by_topic(held.lag(ends)),
        "parked": held.parked_keys,
        "parked_records": held.parked_records,
        "discarded": held.discarded,
        "failed_jobs": held.jobs.failed,
        "rebuilds": held.rebuilds,
        "rebuild_seconds": held.rebuild_seconds,
    }


def _by_topic(lag: Mapping[TopicPartition, int]) -> dict[str, int]:
    told: Counter[str] = Counter()
    for place, records in sorted(lag.items()):
        told[place.topic] += records
    return dict(told)


def _dead_letters(service: str, ends: Mapping[TopicPartition, int] | None) -> int | None:
    if ends is None:
        return None
    return sum(end for place, end in ends.items() if place.topic == dead_letter_topic_of(service))


async def _of_worker(client: httpx.AsyncClient, record: Record, service: str) -> Told:
    port = next((child.port for child in record.children if child.name == f"{service}-worker"), 0)
    try:
        answer = await client.get(f"http://{LOOPBACK}:{port}/metrics")
    except httpx.HTTPError:
        return dict.fromkeys(_OF_WORKER)
    return of_metrics(answer.text)


def of_metrics(text: str) -> Told:
    """What a worker's metrics say: whether it publishes, what it ignored by type, how long its handlers take."""
    # Read here: it takes a fifth of a second to import, which no other command has to pay.
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples[sample.name].append(sample)
    ignored = {
        sample.labels["type"]: int(sample.value) for sample in samples["foothold_consumer_ignored_total"]
    }
    return {
        "relay_leads": any(sample.value for sample in samples["foothold_relay_leads"]),
        "ignored": ignored,
        "handlers_ms": _latencies(samples["foothold_handler_seconds_bucket"]),
    }


def _latencies(samples: Sequence["Sample"]) -> dict[str, dict[str, float]]:
    buckets: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        buckets[sample.labels["aggregate"]].append((float(sample.labels["le"]), sample.value))
    return {
        aggregate: {"p50": _milliseconds(counted, 0.5), "p99": _milliseconds(counted, 0.99)}
        for aggregate, counted in buckets.items()
    }


def _milliseconds(buckets: Sequence[tuple[float, float]], share: float) -> float:
    return round(1000 * quantile(buckets, share), 2)


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """The value below which `share` of a histogram lies. Buckets are Prometheus': upper bound, and how many lie below.

    Within a bucket all values are taken to be spread evenly; beyond the last bound nothing is known.
    """
    wanted = share * buckets[-1][1]
    for (low, below), (high, upto) in pairwise([(0.0, 0.0), *buckets]):
        if upto >= wanted and upto > below:
            return low if math.isinf(high) else low + (high - low) * (wanted - below) / (upto - below)
    return 0.0
