"""Records as the examples of events show them, and where the shapes of two differ."""

from collections.abc import Collection, Mapping
from typing import Any, cast

import orjson

from services.kit.envelope import decode
from services.kit.events import Event
from services.kit.kafka import Record


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
