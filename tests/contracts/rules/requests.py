"""Rules of requests: what they must and may carry, and how tightly that is told."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.contracts.rules.reading import Operation, Schema, properties, values
from tests.contracts.rules.rule import Rule

_PAGES = ("limit", "cursor", "count", "sort", "fields")
_TRIED_OUT = "/evaluate"
# Classes that Python, Rust and ECMA-262 fill otherwise, each with letters, digits and spaces of its own.
_DIALECT = re.compile(r"(?<!\\)(?:\\\\)*\\[sSdDwWbB]")
_IN_DIALECT = {"name": "planted", "in": "query", "schema": {"type": "string", "pattern": r"^\w+$"}}


def _lists(operation: Operation) -> Iterator[str]:
    if not operation.is_list:
        return
    for name in ("limit", "cursor"):
        if not operation.takes("query", name):
            yield f"takes no {name}"
    collection = len(operation.segments) == 1
    if collection:
        yield from (f"takes no {name}" for name in _PAGES[2:] if not operation.takes("query", name))


def _guarded(operation: Operation) -> Iterator[str]:
    if operation.method in ("patch", "put", "delete") and not operation.takes("header", "if-match"):
        yield "takes no If-Match"


def _repeatable(operation: Operation) -> Iterator[str]:
    if operation.writes and not operation.takes("header", "idempotency-key"):
        yield "takes no Idempotency-Key"


def _conditional(operation: Operation) -> Iterator[str]:
    if operation.is_row and not operation.takes("header", "if-none-match"):
        yield "takes no If-None-Match"


def _patches(operation: Operation) -> Iterator[str]:
    if operation.method == "patch" and "application/merge-patch+json" not in operation.bodies:
        yield "does not say that it takes a merge patch"


def _closed(operation: Operation) -> Iterator[str]:
    for where, told in _told(operation):
        if told.get("properties") is not None and told.get("additionalProperties") is not False:
            yield f"{where} lets unknown fields in"


def _bounded(operation: Operation) -> Iterator[str]:
    for where, told in _told(operation):
        if wrong := _unbounded(told):
            yield f"{where} {wrong}"


def _plain(operation: Operation) -> Iterator[str]:
    yield from _in_dialect(_told(operation))


def _plainly_asked(operation: Operation) -> Iterator[str]:
    for (place, name), told in operation.parameters.items():
        yield from _in_dialect(values(operation.document, told.get("schema", {}), f"{place} {name}"))


def _in_dialect(schemas: Iterable[tuple[str, Schema]]) -> Iterator[str]:
    for where, told in schemas:
        if _DIALECT.search(str(told.get("pattern", ""))):
            yield f"{where} has a pattern that readers take otherwise than we do: {told['pattern']}"


def _unbounded(told: Schema) -> str | None:
    known = "enum" in told or "const" in told or "format" in told
    match told.get("type"):
        case "string" if not known and "maxLength" not in told and not _short(told):
            return "is a text of any length"
        case "array" if "maxItems" not in told:
            return "is an array of any length"
        case "object" if isinstance(told.get("additionalProperties"), dict) and "maxProperties" not in told:
            return "is an object of any size"
        case "integer" | "number" if not known and not {"maximum", "exclusiveMaximum"} & told.keys():
            return "is a number without a greatest"
        case _:
            return None


def _short(told: Schema) -> bool:
    """Whether a pattern bounds the length: one without repetition beyond counts."""
    pattern = str(told.get("pattern", "*"))
    return not set("*+") & set(pattern)


def _told(operation: Operation) -> Iterator[tuple[str, Schema]]:
    if operation.json_body is not None:
        yield from values(operation.document, operation.json_body)


def _as_of(operation: Operation) -> Iterator[str]:
    rows = operation.is_row and operation.segments[0] != "me" and "id" in operation.fields
    if rows and not operation.takes("query", "as_of"):
        yield "takes no as_of"


def _without(operation: Operation, told: dict[str, Any], *names: str) -> None:
    told["parameters"] = [each for (_, name), each in operation.parameters.items() if name not in names]


def _loosened(operation: Operation, key: str) -> None:
    for _, _, told in properties(operation.document, operation.json_body or {}):
        loose: Any = told
        loose.pop(key, None)


def _spoil_pattern(operation: Operation) -> None:
    for _, _, told in properties(operation.document, operation.json_body or {}):
        if "pattern" in told:
            spoilt: Any = told
            spoilt["pattern"] = r"\S"


def _open(operation: Operation) -> None:
    body: Any = operation.json_body
    body.pop("additionalProperties")


def _creates(operation: Operation) -> bool:
    return operation.method == "post" and len(operation.segments) == 1


REQUESTS = (
    Rule(
        "Lists have pages, counts, sorts and a choice of fields",
        _lists,
        lambda each: each.is_list and len(each.segments) == 1,
        lambda each, told: _without(each, told, "cursor"),
    ),
    Rule(
        "Changes of what exists say on which version",
        _guarded,
        lambda each: each.method == "patch",
        lambda each, told: _without(each, told, "if-match"),
    ),
    Rule(
        "Writes can be repeated under a key",
        _repeatable,
        _creates,
        lambda each, told: _without(each, told, "idempotency-key"),
    ),
    Rule(
        "Rows are read on a condition",
        _conditional,
        lambda each: each.is_row,
        lambda each, told: _without(each, told, "if-none-match"),
    ),
    Rule(
        "Rows are read as of a moment",
        _as_of,
        lambda each: each.is_row and each.takes("query", "as_of"),
        lambda each, told: _without(each, told, "as_of"),
    ),
    Rule(
        "Patches are merge patches",
        _patches,
        lambda each: each.method == "patch",
        lambda _, told: told["requestBody"]["content"].pop("application/merge-patch+json"),
    ),
    Rule("Bodies know all their fields", _closed, _creates, lambda each, _: _open(each)),
    Rule(
        "Texts, arrays and numbers have bounds",
        _bounded,
        _creates,
        lambda each, _: _loosened(each, "maxLength"),
    ),
    Rule("Patterns mean the same to everybody", _plain, _creates, lambda each, _: _spoil_pattern(each)),
    Rule(
        "Patterns of parameters mean the same to everybody",
        _plainly_asked,
        lambda each: each.is_list,
        lambda _, told: told["parameters"].append(_IN_DIALECT),
    ),
)
