"""`foothold events parked`: what consumers have set aside, driven again or given up record by record."""

import getpass
import re
from collections.abc import Callable, Coroutine
from typing import Any

from rich.table import Table

from deploy.local.databases import Addresses, using
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, service_of
from services.kit import parked
from services.kit.db import Database
from services.kit.parked import Driven, NotParked


def shown(addresses: Addresses) -> Table:
    """What is parked, of all services, the longest first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "topic", "key", "since", "records", "reason"):
        table.add_column(column, overflow="fold")
    for service in SERVICES:
        for key in using(addresses[service], parked.parked):
            since = key.parked_at.strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(f"{service}-{key.id}", key.topic, key.key, since, str(key.records), key.reason)
    return table


def retry(addresses: Addresses, name: str) -> Driven:
    """Drives the key that is parked under the name."""
    service, number = _found(name)
    return _driven(
        name, addresses[service], lambda db: parked.drive(db, service_of(service).handlers, number)
    )


def discard(addresses: Addresses, name: str, why: str) -> Driven:
    """Gives up the key's first record and drives the rest."""
    if not why.strip():
        raise StackProblem("--discard wants --why: what is given up is kept with the reason.")
    service, number = _found(name)
    return _driven(
        name,
        addresses[service],
        lambda db: parked.discard(
            db, service_of(service).handlers, number, why=why.strip(), by=getpass.getuser()
        ),
    )


def _found(name: str) -> tuple[str, int]:
    match = re.fullmatch(f"({'|'.join(SERVICES)})-([1-9][0-9]{{0,17}})", name)
    if match is None:
        raise StackProblem(f"{name[:100]} is no id of a parked key; `foothold events parked` shows them.")
    return match[1], int(match[2])


def _driven(name: str, url: str, drive: Callable[[Database], Coroutine[Any, Any, Driven]]) -> Driven:
    try:
        return using(url, drive)
    except NotParked:
        raise StackProblem(f"Nothing is parked as {name}; `foothold events parked` shows what is.") from None


def said(name: str, driven: Driven) -> str:
    """What came of the key, in a sentence."""
    handled = f"{name}: {driven.handled} {'record' if driven.handled == 1 else 'records'} handled"
    if driven.reason is None:
        return f"{handled}; the key is free."
    return f"{handled}, {driven.left} still parked: {driven.reason}"
