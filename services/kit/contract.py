"""The contract of events, written down: JSON Schemas generated from what services declare.

`docs/events/` holds a schema for the state of each aggregate and one for each type of event.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson

from services.kit.events import PublicAggregate, schema_id

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
