"""The contract of events, written down: JSON Schemas generated from what services declare, and shared
examples.

`docs/events/` holds a schema for the state of each aggregate and one for each type of event. An example of
each type is a JSON file: the producer's test proves that it emits that shape, every consumer's test that it
handles it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from services.kit.events import Event, PublicAggregate, decode, schema_id
from services.kit.kafka import Record

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_files(public: Iterable[PublicAggregate]) -> dict[str, bytes]:
    """The files of `docs/events/` for these aggregates: name and text of each."""
    found: dict[str, dict[str, Any]] = {}
    for aggregate in public:
        state = f"{aggregate.name}.v{aggregate.version}"
        found[state] = _open(aggregate.state.model_json_schema(mode="serialization"))
        for type_ in aggregate.types:
            found[f"{type_}.v{aggregate.version}"] = _event_schema(type_, state, aggregate)
    return {f"{name}.json": _text(name, schema) for name, schema in found.items()}


def write_schemas(directory: Path, files: Mapping[str, bytes]) -> None:
    """Makes `directory` hold exactly these files, of all services together; other kinds of file stay."""
    directory.mkdir(parents=True, exist_ok=True)
    for stale in (path for path in directory.glob("*.json") if path.name not in files):
        stale.unlink()
    for name, text in files.items():
        (directory / name).write_bytes(text)


def differing_schemas(directory: Path, files: Mapping[str, bytes]) -> list[str]:
    """The names of files that are missing, stale or superfluous under `directory`."""
    there = {path.name: path.read_bytes() for path in directory.glob("*.json")}
    return sorted(name for name in there.keys() | files.keys() if there.get(name) != files.get(name))


def _text(name: str, schema: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {"$schema": _DIALECT, "$id": schema_id(name), **schema},
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _event_schema(type_: str, state: str, aggregate: PublicAggregate) -> dict[str, Any]:
    return {
        "title": f"{type_}.v{aggregate.version}",
        "description": "The value of a record of this type; the envelope is in its headers.",
        "type": "object",
        "required": ["data", "changed"],
        "properties": {
            "data": {"$ref": f"{state}.json"},
            "changed": _changed_schema(type_.partition(".")[2], state, aggregate),
        },
    }


def _changed_schema(fact: str, state: str, aggregate: PublicAggregate) -> dict[str, Any]:
    """A birth changes nothing; by a fact of its own name a row may be born or changed."""

    def change(name: str) -> dict[str, Any]:
        field = {"$ref": f"{state}.json#/properties/{name}"}
        return {"type": "object", "required": ["from", "to"], "properties": {"from": field, "to": field}}

    if fact in ("created", "snapshot"):
        return {"type": "null"}
    kind = ["object", "null"] if fact in aggregate.facts else "object"
    return {"type": kind, "properties": {name: change(name) for name in aggregate.state.model_fields}}


def _open(schema: Any) -> Any:
    """The schema without bans on further members: within a version events only gain some."""
    if isinstance(schema, dict):
        members = cast("dict[str, Any]", schema).items()
        return {key: _open(item) for key, item in members if (key, item) != ("additionalProperties", False)}
    return [_open(item) for item in cast("list[Any]", schema)] if isinstance(schema, list) else schema


def breaks(released: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """How the present schema of a state breaks what readers of the released one rely on: one line a member.

    Members may be added, and words to an enumeration; nothing else may change within a version.
    """
    return _breaks(_Place(released, released), _Place(present, present), "")


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema within its document."""

    schema: Mapping[str, Any]
    document: Mapping[str, Any]

    def kinds(self) -> dict[str, "_Place"]:
        """What a value may be, by kind, whatever it takes to say so."""
        if "$ref" in self.schema:
            name: str = self.schema["$ref"].rpartition("/")[2]
            return self.at(self.document["$defs"][name]).kinds()
        if "anyOf" in self.schema:
            return {
                kind: place for each in self.schema["anyOf"] for kind, place in self.at(each).kinds().items()
            }
        told = self.schema.get("type", "any")
        named = [told] if isinstance(told, str) else told
        return {" ".join(filter(None, (self.schema.get("format"), kind))): self for kind in named}

    def at(self, schema: Mapping[str, Any]) -> "_Place":
        return _Place(schema, self.document)

    def inner(self) -> dict[str, "_Place"]:
        """The members of an object by name, and what a list or a table holds under `[]`."""
        members = {name: self.at(each) for name, each in self.schema.get("properties", {}).items()}
        items: object = self.schema.get("items") or self.schema.get("additionalProperties")
        if isinstance(items, dict):
            members["[]"] = self.at(cast("dict[str, Any]", items))
        return members

    @property
    def required(self) -> set[str]:
        return set(self.schema.get("required", ()))


def _breaks(old: _Place, new: _Place, path: str) -> list[str]:
    before, after = old.kinds(), new.kinds()
    found = [f"{path}: was {kind}, and is not any more" for kind in before.keys() - after.keys()]
    found += [f"{path}: is {kind}, and was not" for kind in after.keys() - before.keys()]
    for kind in before.keys() & after.keys():
        found += _inner_breaks(before[kind], after[kind], path)
    return sorted(found)


def _inner_breaks(old: _Place, new: _Place, path: str) -> list[str]:
    before, after = old.inner(), new.inner()
    lost = set(old.schema.get("enum", ())) - set(new.schema.get("enum", ()))
    found = [f"{path}: does not say {word} any more" for word in lost if "enum" in new.schema]
    found += [f"{path}.{name}: is gone" for name in before.keys() - after.keys()]
    found += [f"{path}.{name}: is required, and was not" for name in new.required - old.required]
    found += [f"{path}.{name}: was required" for name in (old.required - new.required) & after.keys()]
    for name in before.keys() & after.keys():
        found += _breaks(before[name], after[name], f"{path}.{name}")
    return found


def key_of(example: Mapping[str, Any]) -> str:
    """The member of an example's state that its key is; "" where the state does not hold it."""
    state: Mapping[str, Any] = example["value"]["data"]
    names = ("account_id", "id", *sorted(state))
    return next((name for name in names if state.get(name) == example["key"]), "")


def example_of(record: Record) -> dict[str, Any]:
    """The record as an example file shows it: `{"topic", "key", "headers": {}, "value": {}}`."""
    return {
        "topic": record.topic,
        "key": record.key.decode(),
        "headers": {name: value.decode() for name, value in record.headers},
        "value": orjson.loads(record.value or b"null"),
    }


def event_of(example: Mapping[str, Any]) -> Event:
    """The event that a consumer would get from an example. Raises Undecodable."""
    headers: Mapping[str, str] = example["headers"]
    return decode(
        str(example["key"]).encode(),
        [(name, text.encode()) for name, text in headers.items()],
        orjson.dumps(example["value"]),
    )


def differences(
    example: object, emitted: object, *, free: Collection[str] = ("value.changed",), path: str = ""
) -> list[str]:
    """Where an emitted record (as `example_of` shows it) has another shape than the example: one line a
    member.

    Shape is the names of members and the kinds of values; null agrees with everything, an empty list with
    every list. Members of the objects at the paths in `free` may differ.
    """
    if example is None or emitted is None:
        return []
    if _kind(example) != _kind(emitted):
        return [f"{path}: {_kind(emitted)} where the example has {_kind(example)}"]
    if _kind(example) == "an object":
        return _members_differ(_members(example), _members(emitted), free, path)
    if isinstance(example, list):
        first = next(iter(cast("list[object]", example)), None)
        items = cast("list[object]", emitted)
        return [line for item in items for line in differences(first, item, free=free, path=f"{path}[]")]
    return []


def _members_differ(
    example: Mapping[str, object], emitted: Mapping[str, object], free: Collection[str], path: str
) -> list[str]:
    places = {name: f"{path}.{name}" if path else name for name in example.keys() | emitted.keys()}
    found = [
        line
        for name in example.keys() & emitted.keys()
        for line in differences(example[name], emitted[name], free=free, path=places[name])
    ]
    if path not in free:
        found += [f"{places[name]}: missing" for name in example.keys() - emitted.keys()]
        found += [f"{places[name]}: not in the example" for name in emitted.keys() - example.keys()]
    return sorted(found)


def _members(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
