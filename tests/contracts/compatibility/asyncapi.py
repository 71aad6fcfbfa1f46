"""Which promises of the released AsyncAPI document the present one does not keep."""

from collections.abc import Iterator
from typing import Any, cast

import orjson

Json = dict[str, Any]


def promises(text: bytes) -> dict[str, str]:
    """What readers of the document rely on, each by a name: addresses, messages, their keys, headers and values."""
    whole: Json = orjson.loads(text)
    found: dict[str, str] = {}
    for name, channel in whole["channels"].items():
        found[f"{name}: address"] = channel["address"]
        for message, reference in channel["messages"].items():
            said = _promised(whole, _at(whole, reference))
            found |= {f"{name}: {message}: {what}": promise for what, promise in said}
    return found


def breaks(released: bytes, present: bytes) -> list[str]:
    """Which promises of the released document the present one does not keep: one line each. More may be promised."""
    were, are = promises(released), promises(present)
    return [
        f"{name} was {promise}, and is {are.get(name, 'gone')}"
        for name, promise in were.items()
        if are.get(name) != promise
    ]


def _promised(whole: Json, message: Json) -> Iterator[tuple[str, str]]:
    yield "name", message["name"]
    yield "content type", str(message.get("contentType", whole["defaultContentType"]))
    yield "value", _meaning(_at(whole, message["payload"]))
    yield "key", _meaning(_at(whole, message["bindings"]["kafka"]["key"]))
    headers: Json = message["headers"]
    for schema in (headers, *(_at(whole, each) for each in headers.get("allOf", ()))):
        for header, each in schema["properties"].items():
            always = "always" if header in schema["required"] else "sometimes"
            yield f"header {header}", f"{always} {_meaning(each)}"


def _at(whole: Json, schema: Json) -> Json:
    """What a reference within the document points to; whatever else it is stays as it is."""
    path: str = schema.get("$ref", "")
    if not path.startswith("#/"):
        return schema
    found: Any = whole
    for step in path.removeprefix("#/").split("/"):
        found = found[step]
    return cast("Json", found)


def _meaning(schema: Json) -> str:
    said = {name: each for name, each in schema.items() if name != "description"}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
