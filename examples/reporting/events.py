"""What a record says: how an aggregate stands, or that a republish begins or ends.

Records are CloudEvents in Kafka's binary mode: the envelope in headers, `{"data": ..., "changed": ...}` as the value.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from .states import KEPT, MARK, fault

GONE: Final = ("deleted", "erased")
"""The facts after which an aggregate is no more."""

_T = TypeVar("_T")
_TYPE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)\.v([1-9][0-9]*)")


class Undecodable(Exception):
    """A record that is no event, or not of the shape that its type promises; its text says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """What every event has. `position` only ever rises within a partition; `time`, in UTC, is that of its writing."""

    type: str
    position: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Told(Event):
    """An aggregate's whole state after a fact; `version` counts from 1 for each aggregate."""

    aggregate: str
    fact: str
    id: str
    version: int
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark(Event):
    """One end of a republish: between its start and its end a partition tells of every living row it has.

    The epoch counts how often the service was restored from a backup; a complete republish tells of all aggregates.
    """

    id: str
    epoch: int
    aggregates: tuple[str, ...]
    is_complete: bool
    is_end: bool


@dataclass(frozen=True, slots=True)
class PassedOver(Event):
    """An event of a type that the reports do not read: another aggregate, another version."""


def decode(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Event:
    """The event in a record: a Told, a Mark or a PassedOver. Raises Undecodable."""
    given = {name: _text(name, raw) for name, raw in headers}
    if any("\ufffd" in name for name in given):
        raise Undecodable("the name of a header is not UTF-8")
    type_ = _header(given, "ce_type")
    named = _TYPE.fullmatch(type_)
    if named is None:
        raise Undecodable(f"the header ce_type cannot be {type_[:60]!r}")
    aggregate, fact, version = named.groups()
    common = (type_, _read(given, "ce_position", _count), _read(given, "ce_time", _instant))
    if version != "1" or aggregate not in (*KEPT, "republish"):
        return PassedOver(*common)
    data = _data(value)
    if aggregate == "republish":
        return _mark(common, fact, data)
    if wrong := fault(KEPT[aggregate], data):
        raise Undecodable(f"the state {wrong}")
    state = {name: data[name] for name in KEPT[aggregate]}
    id_ = _read(given, "ce_subject", lambda text: str(UUID(text.rpartition("/")[2])))
    return Told(*common, aggregate, fact, id_, _read(given, "ce_sequence", _count), state)


def _mark(common: tuple[str, int, datetime], fact: str, data: Mapping[str, Any]) -> Event:
    if fact not in ("started", "finished"):
        return PassedOver(*common)
    if wrong := fault(MARK, data):
        raise Undecodable(f"the mark {wrong}")
    return Mark(
        *common, data["id"], data["epoch"], tuple(data["aggregates"]), data["complete"], fact == "finished"
    )


def _text(name: str, raw: bytes | None) -> str:
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"the header {name} is not UTF-8") from error


def _header(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise Undecodable(f"the header {name} is missing")
    return given[name]


def _read(given: Mapping[str, str], name: str, read: Callable[[str], _T]) -> _T:
    text = _header(given, name)
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise Undecodable(f"the header {name} cannot be {text[:60]!r}") from error


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError(text)
    return number


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC).replace(tzinfo=None)


def _data(value: bytes | None) -> dict[str, Any]:
    try:
        body: object = json.loads(value or b"")
    except (ValueError, RecursionError) as error:
        raise Undecodable("the value is not JSON") from error
    data = cast("dict[str, object]", body).get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise Undecodable("the value has no object `data`")
    return cast("dict[str, Any]", data)
