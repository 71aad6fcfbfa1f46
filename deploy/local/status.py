"""`foothold status`: every process with its health, every address, and how far behind the events are."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from rich.console import Group, RenderableType
from rich.table import Table

from deploy.local import event_figures
from deploy.local.event_figures import Told
from deploy.local.home import Record, RunningChild
from deploy.local.launch import LOOPBACK, listens
from deploy.local.stack import SERVICES, Stack, health

_STORES = ("postgres", "kafka")


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
        **asyncio.run(_asked(record)),
    }


async def _asked(record: Record) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        processes = asyncio.gather(*(_process(client, child) for child in record.children))
        events = await event_figures.gather(record, client)
        return {"processes": await processes, "events": events}


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


def _event_table(events: dict[str, Told]) -> Table:
    table = Table("events of", *events, box=None)
    for name, show in _FIGURES.items():
        figures = (told[name] for told in events.values())
        told = ("unknown" if figure is None else show(figure) for figure in figures)
        table.add_row(name.replace("_", " "), *told)
    return table


def _count(number: int) -> str:
    return f"{number:,}"


def _age(seconds: float) -> str:
    return f"{seconds:,.0f} s"


def _yes_or_no(leads: bool) -> str:
    return "yes" if leads else "no"


def _by_name(counts: dict[str, int]) -> str:
    """Those that are not none, a line each."""
    return "\n".join(f"{name} {number:,}" for name, number in counts.items() if number) or "0"


def _latencies(handlers: dict[str, dict[str, float]]) -> str:
    return "\n".join(f"{name} {ms['p50']:g} / {ms['p99']:g}" for name, ms in handlers.items()) or "none yet"


_FIGURES: dict[str, Callable[[Any], str]] = {
    "unnumbered": _count,
    "unpublished": _count,
    "oldest_seconds": _age,
    "relay_leads": _yes_or_no,
    "lag": _by_name,
    "parked": _count,
    "dead_letters": _count,
    "ignored": _by_name,
    "failed_jobs": _count,
    "rebuilds": _count,
    "rebuild_seconds": _age,
    "handlers_ms": _latencies,
}
