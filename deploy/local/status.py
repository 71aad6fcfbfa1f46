"""`foothold status`: every process with its health, every address, and how far behind the events are."""

import asyncio
from collections.abc import Sequence
from typing import Any, LiteralString

import httpx
import psycopg
from kafka import TopicPartition
from kafka.admin import OffsetSpec
from psycopg.rows import TupleRow
from rich.console import Group, RenderableType
from rich.table import Table

from deploy.local import topics
from deploy.local.home import Record, RunningChild
from deploy.local.launch import LOOPBACK, listens
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, Stack, health
from services.kit.events import dead_letter_topic_of

_STORES = ("postgres", "kafka")
_COUNTED = ("unnumbered", "unpublished", "lag", "parked", "dead_letters")


def gather(stack: Stack) -> dict[str, Any]:
    """All of it, as `foothold status --json` prints it. Works on a stack that runs, and says when none does."""
    record = stack.home.running()
    if record is None:
        return {"home": str(stack.home.directory), "phase": "down", "processes": []}
    addresses = record.addresses
    return {
        "home": str(stack.home.directory),
        "phase": record.phase,
        "supervisor_pid": record.supervisor.pid,
        "gateway": addresses.get("gateway"),
        "issuer": addresses.get("OIDC_ISSUER"),
        "kafka_bootstrap_servers": addresses.get("KAFKA_BOOTSTRAP_SERVERS"),
        "databases": {name: addresses.get(f"{name.upper()}_DATABASE_URL") for name in SERVICES},
        "processes": asyncio.run(_processes(record)),
        "events": _events(addresses),
    }


async def _processes(record: Record) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        return list(await asyncio.gather(*(_process(client, child) for child in record.children)))


async def _process(client: httpx.AsyncClient, child: RunningChild) -> dict[str, Any]:
    return {
        "name": child.name,
        "pid": child.identity.pid,
        "port": child.port,
        "health": await _health(client, child),
        "restarts": child.restarts,
    }


async def _health(client: httpx.AsyncClient, child: RunningChild) -> str:
    if not child.identity.alive():
        return "gone"
    if child.port == 0:
        return "working"
    if child.name in _STORES:
        return "ready" if listens(child.port) else "silent"
    return await health(client, f"http://{LOOPBACK}:{child.port}")


def _events(addresses: dict[str, str]) -> dict[str, dict[str, int | None]]:
    """Per service: journal rows not numbered, numbered but not published; records not consumed, keys parked, dead
    letters of the consumer."""
    told: dict[str, dict[str, int | None]] = {}
    consumed: dict[str, dict[tuple[str, int], int]] = {}
    for service in SERVICES:
        told[service], consumed[service] = _read_service(addresses.get(f"{service.upper()}_DATABASE_URL", ""))
    ends = _ends(addresses.get("KAFKA_BOOTSTRAP_SERVERS", ""), consumed)
    for service, offsets in consumed.items():
        told[service]["lag"] = _lag(offsets, ends)
        told[service]["dead_letters"] = _dead_letters(service, ends)
    return told


def _lag(offsets: dict[tuple[str, int], int], ends: dict[tuple[str, int], int] | None) -> int | None:
    if ends is None:
        return None
    followed = {topic for topic, _ in offsets}
    return sum(end - offsets.get(place, 0) for place, end in ends.items() if place[0] in followed)


def _dead_letters(service: str, ends: dict[tuple[str, int], int] | None) -> int | None:
    if ends is None:
        return None
    return sum(end for (topic, _), end in ends.items() if topic == dead_letter_topic_of(service))


def _read_service(url: str) -> tuple[dict[str, int | None], dict[tuple[str, int], int]]:
    """The journal's backlog and the consumers' next offsets; nothing known where the database is silent."""
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return _backlog(connection), _next_offsets(connection)
    except psycopg.Error:
        return dict.fromkeys(_COUNTED), {}


def _backlog(connection: psycopg.Connection[TupleRow]) -> dict[str, int | None]:
    unpublished = "SELECT h.position - c.published FROM journal_head h, journal_cursor c"
    return {
        "unnumbered": _number(connection, "SELECT count(*) FROM journal_queue"),
        "unpublished": _number(connection, unpublished),
        "parked": _number(connection, "SELECT count(*) FROM parked_key"),
    }


def _next_offsets(connection: psycopg.Connection[TupleRow]) -> dict[tuple[str, int], int]:
    rows = connection.execute(
        "SELECT topic, partition, min(next_offset) FROM consumer_position GROUP BY 1, 2"
    )
    return {(topic, partition): offset for topic, partition, offset in rows}


def _number(connection: psycopg.Connection[TupleRow], query: LiteralString) -> int | None:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _ends(
    bootstrap_servers: str, consumed: dict[str, dict[tuple[str, int], int]]
) -> dict[tuple[str, int], int] | None:
    """The end of every partition of the topics that somebody consumes, and of dead letters; None where no broker
    answers."""
    followed = {topic for offsets in consumed.values() for topic, _ in offsets}
    names = sorted(followed | {dead_letter_topic_of(service) for service in consumed})
    try:
        return _end_offsets(bootstrap_servers, names)
    except StackProblem:
        return None


def _end_offsets(bootstrap_servers: str, names: Sequence[str]) -> dict[tuple[str, int], int]:
    admin = topics.connect(bootstrap_servers)
    try:
        described = admin.describe_topics(names)
        asked = {
            TopicPartition(topic["name"], partition["partition_index"]): OffsetSpec.LATEST
            for topic in described
            for partition in topic["partitions"]
        }
        found = admin.list_partition_offsets(asked)
        return {(place.topic, place.partition): end.offset for place, end in found.items()}
    finally:
        admin.close()


def shown(status: dict[str, Any]) -> RenderableType:
    """The same for a reader."""
    if status["phase"] == "down":
        return f"No stack runs in {status['home']}; start one with `foothold up`."
    return Group(_head(status), "", _process_table(status["processes"]), "", _event_table(status["events"]))


def _head(status: dict[str, Any]) -> str:
    return (
        f"{status['phase']} · gateway {status['gateway']} · issuer {status['issuer']}"
        f" · kafka {status['kafka_bootstrap_servers']} · supervisor {status['supervisor_pid']}"
    )


def _process_table(processes: Sequence[dict[str, Any]]) -> Table:
    table = Table("process", "pid", "port", "health", "restarts", box=None)
    colours = {"ready": "green", "working": "green", "not ready": "yellow"}
    for each in processes:
        colour = colours.get(each["health"], "red")
        health_shown = f"[{colour}]{each['health']}[/]"
        table.add_row(each["name"], str(each["pid"]), str(each["port"]), health_shown, str(each["restarts"]))
    return table


def _event_table(events: dict[str, dict[str, int | None]]) -> Table:
    table = Table("events of", *(name.replace("_", " ") for name in _COUNTED), box=None)
    for service, counts in events.items():
        numbers = (counts.get(name) for name in _COUNTED)
        table.add_row(service, *("unknown" if number is None else f"{number:,}" for number in numbers))
    return table
