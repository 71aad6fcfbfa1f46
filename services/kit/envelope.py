"""The envelope: a journal row becomes a CloudEvents record in Kafka's binary mode, and that an event.

The envelope is in the record's headers; its value is
`{"data": <public state after>, "changed": {field: {"from", "to"}} | null}`.
"""

import re
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

import orjson
from pydantic import BaseModel

from services.kit.clock import in_utc, instant
from services.kit.events import MARKS, SIGHT, Event, Fields, PublicAggregate, schema_id, topic_of
from services.kit.kafka import Record

_T = TypeVar("_T")

_WIRE_TYPE = re.compile(r"([a-z][a-z0-9_]{0,99})\.([a-z][a-z0-9_]{0,99})\.v([1-9][0-9]{0,8})")
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSIONS = 2**31  # What PostgreSQL's integer holds, and its bigint.
_POSITIONS = 2**63
_UNREADABLE = ("\0", "\N{REPLACEMENT CHARACTER}")
_MEDIA_TYPE = b"application/json"


class UnknownType(Exception):
    """A journal row of a type that the service's public language does not list: this program is too old for
    it."""


class Undecodable(Exception):
    """A record that is not an event; its text says what is wrong with it."""


class JournalRow(NamedTuple):
    """A numbered row of the journal, in the order in which the relay selects it."""

    position: int
    recorded_at: datetime
    event_id: UUID
    type: str
    aggregate: str
    aggregate_id: UUID
    version: int
    partition_key: UUID
    actor: str
    request_id: str | None
    traceparent: str | None
    imported: bool
    changed: Fields | None
    state: Fields


# From the journal to Kafka


@dataclass(frozen=True, slots=True)
class _Told:
    plural: str
    pick: Callable[[Fields], dict[str, Any]]
    headers: tuple[tuple[str, bytes], ...]


class Encoder:
    """Turns a service's journal rows into records of its topic `<service>.events`.

    `private` names aggregates that are journaled and never published.
    """

    def __init__(
        self, service: str, public: Iterable[PublicAggregate], *, private: Collection[str] = ()
    ) -> None:
        self.topic = topic_of(service)
        self._private = frozenset((SIGHT, *private))
        self._told = {
            type_: _told(service, aggregate, type_)
            for aggregate in (*public, MARKS)
            for type_ in aggregate.types
        }

    def encode(self, row: JournalRow) -> Record | None:
        """The record that tells the public part of the row; None for a private one. Raises UnknownType."""
        told = self._told.get(row.type)
        if told is None:
            if row.aggregate in self._private:
                return None
            raise UnknownType(row.type)
        value = {"data": told.pick(row.state), "changed": _changed(row.changed, told.pick)}
        return Record(
            topic=self.topic,
            key=str(row.partition_key).encode(),
            value=orjson.dumps(value),
            headers=_headers(row, told),
            everywhere=row.aggregate == MARKS.name,
        )


def _told(service: str, aggregate: PublicAggregate, type_: str) -> _Told:
    fixed = {
        "ce_specversion": "1.0",
        "ce_source": f"/{service}",
        "ce_type": f"{type_}.v{aggregate.version}",
        "ce_dataschema": schema_id(f"{type_}.v{aggregate.version}"),
    }
    headers = (("content-type", _MEDIA_TYPE), *((name, text.encode()) for name, text in fixed.items()))
    return _Told(aggregate.plural, _picker(aggregate.state), headers)


def _headers(row: JournalRow, told: _Told) -> list[tuple[str, bytes]]:
    headers = [
        *told.headers,
        ("ce_id", str(row.event_id).encode()),
        ("ce_time", instant(row.recorded_at).encode()),
        ("ce_subject", f"{told.plural}/{row.aggregate_id}".encode()),
        ("ce_position", b"%d" % row.position),
        ("ce_sequence", b"%d" % row.version),
        ("ce_actor", row.actor.encode()),
    ]
    if row.request_id is not None:
        headers.append(("ce_requestid", row.request_id.encode()))
    if row.traceparent is not None:
        headers.append(("ce_traceparent", row.traceparent.encode()))
    if row.imported:
        headers.append(("ce_imported", b"true"))
    return headers


def _changed(changed: Fields | None, pick: Callable[[Fields], dict[str, Any]]) -> dict[str, Any] | None:
    if changed is None:
        return None
    before = pick({name: change["from"] for name, change in changed.items()})
    after = pick({name: change["to"] for name, change in changed.items()})
    return {name: {"from": before[name], "to": after[name]} for name in after}


def _picker(model: type[BaseModel]) -> Callable[[Fields], dict[str, Any]]:
    """What takes the fields of `model`, and of the models in them, from a state; absent ones stay absent."""
    nested = {name: _nested(info.annotation) for name, info in model.model_fields.items()}
    plain = tuple(name for name, pick in nested.items() if pick is None)
    deep = tuple((name, pick) for name, pick in nested.items() if pick is not None)

    def pick(state: Fields) -> dict[str, Any]:
        picked = {name: state[name] for name in plain if name in state}
        for name, inner in deep:
            if name in state:
                picked[name] = inner(state[name])
        return picked

    return pick


def _nested(annotation: Any) -> Callable[[Any], Any] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        pick = _picker(annotation)
        return lambda value: None if value is None else pick(value)
    arguments = [found for found in map(_nested, get_args(annotation)) if found is not None]
    if not arguments:
        return None
    inner, origin = arguments[0], get_origin(annotation)
    if origin in (Union, types.UnionType) or origin is None:
        return inner
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return lambda value: None if value is None else {key: inner(item) for key, item in value.items()}
    return lambda value: None if value is None else [inner(item) for item in value]


# From Kafka to a handler


def wire_type(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The `ce_type` of a record, read without decoding it. Raises Undecodable where there is none."""
    for name, value in headers:
        if name == "ce_type":
            return _text(name, value)
    raise Undecodable("the header ce_type is missing")


def decode(key: bytes | None, headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Event:
    """The event in a record. Raises Undecodable, saying which header or member of the value is wrong.

    What it gives can be kept: no text of the envelope holds NUL, no number is beyond the columns it is for.
    """
    given = _readable(headers)
    aggregate, fact, schema_version = type_of(_header(given, "ce_type"))
    body = _body(value)
    return Event(
        id=_header(given, "ce_id"),
        source=_header(given, "ce_source").removeprefix("/"),
        type=f"{aggregate}.{fact}",
        schema_version=schema_version,
        aggregate=aggregate,
        subject_id=_read(given, "ce_subject", lambda text: UUID(text.rpartition("/")[2])),
        version=_read(given, "ce_sequence", _below(_VERSIONS)),
        position=_read(given, "ce_position", _below(_POSITIONS)),
        time=_read(given, "ce_time", _moment),
        actor=given.get("ce_actor", ""),
        imported=given.get("ce_imported") == "true",
        data=body["data"],
        changed=body["changed"],
        key=_key(key),
        traceparent=given.get("ce_traceparent"),
        request_id=given.get("ce_requestid"),
    )


def _readable(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    given = {name: _text(name, raw) for name, raw in headers}
    names = "".join(given)
    if any(sign in names for sign in _UNREADABLE):
        raise Undecodable("the name of a header is not UTF-8, or holds NUL")
    return given


def _text(name: str, raw: bytes | None) -> str:
    try:
        text = (raw or b"").decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"{name[:100]} is not UTF-8") from error
    if "\0" in text:
        raise Undecodable(f"{name[:100]} holds NUL")
    return text


def _key(raw: bytes | None) -> str:
    text = _text("key", raw)
    if _KEY.fullmatch(text) is None:
        raise Undecodable(f"the key cannot be {text[:100]!r}")
    return text


def _header(given: Mapping[str, str], name: str) -> str:
    text = given.get(name)
    if not text:
        raise Undecodable(f"the header {name} is missing")
    return text


def _read(given: Mapping[str, str], name: str, read: Callable[[str], _T]) -> _T:
    text = _header(given, name)
    try:
        return read(text)
    except ValueError as error:
        raise Undecodable(f"the header {name} cannot be {text[:100]!r}") from error


def _below(limit: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not 0 <= number < limit:
            raise ValueError(text)
        return number

    return read


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return in_utc(moment)


def type_of(text: str) -> tuple[str, str, int]:
    """Aggregate, fact and version of a `ce_type`. Raises Undecodable."""
    match = _WIRE_TYPE.fullmatch(text)
    if match is None:
        raise Undecodable(f"the header ce_type cannot be {text[:100]!r}")
    return match[1], match[2], int(match[3])


def _body(value: bytes | None) -> dict[str, Any]:
    try:
        body = orjson.loads(value or b"")
    except orjson.JSONDecodeError as error:
        raise Undecodable("the value is not JSON") from error
    if not isinstance(body, dict):
        raise Undecodable("the value is not an object")
    given = cast("dict[str, object]", body)
    if not isinstance(given.get("data"), dict):
        raise Undecodable("the value has no object `data`")
    if not isinstance(given.get("changed"), dict | None):
        raise Undecodable("the value's `changed` is not an object")
    return {"data": given["data"], "changed": given.get("changed")}
