"""Rules of names: paths, ids, fields and codes."""

import re
from collections.abc import Iterator
from typing import Any

from tests.contracts.rules.reading import Operation, Schema, alternatives, followed, properties
from tests.contracts.rules.rule import Rule

_NOUN = re.compile("[a-z]+(-[a-z]+)*")
_PARAMETER = re.compile(r"\{(id|[a-z]+(_[a-z]+)*_id|source)\}")
_FIELD = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
_QUERY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\[[a-z]+\])?")
_CODE = re.compile("[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_OPERATION = re.compile("[a-z]+(_[a-z]+)+")

# Singular on purpose: there is one of each.
_ONE_OF_A_KIND = frozenset(("me", "relationship", "catalog", "stream"))
# Words of protocols and of tokens, in the case that these have.
_LOWER_CASE_FIELDS = frozenset(
    ("roles", "reason", "part", "profile", "language", "languages", "missing", "scopes")
)
# Texts of the method that end otherwise: a member's decision, and moments that conventions name themselves.
_NAMED_OTHERWISE = frozenset(("go_by", "as_of", "moved_by"))


def _paths(operation: Operation) -> Iterator[str]:
    for number, segment in enumerate(operation.segments):
        if segment.startswith("{"):
            if not _PARAMETER.fullmatch(segment):
                yield f"{segment} is no id"
        elif not _NOUN.fullmatch(segment):
            yield f"{segment} is not in lower case and dashes"
        elif number == 0 and not segment.endswith("s") and segment not in _ONE_OF_A_KIND:
            yield f"{segment} is not a plural noun"


def _ids(operation: Operation) -> Iterator[str]:
    for (place, name), told in operation.parameters.items():
        free = name in ("source", "external_id")
        if place == "path" and not free and told["schema"].get("format") != "uuid":
            yield f"{name} is not told to be a UUID"


def _schemas(operation: Operation) -> list[Schema]:
    return [schema for schema in (operation.json_body, operation.shown) if schema]


def _fields(operation: Operation) -> Iterator[str]:
    for place, name in operation.parameters:
        if place == "query" and not _QUERY.fullmatch(name):
            yield f"query parameter {name} is not in snake case"
    for schema in _schemas(operation):
        for where, name, _ in properties(operation.document, schema):
            if not _FIELD.fullmatch(name):
                yield f"{where} is not in snake case"


def _kinds(operation: Operation) -> Iterator[str]:
    for schema in _schemas(operation):
        for where, name, told in properties(operation.document, schema):
            if name not in _NAMED_OTHERWISE and (wrong := _misnamed(operation, name, told)):
                yield f"{where} {wrong}"


def _misnamed(operation: Operation, name: str, told: Schema) -> str | None:
    form = told.get("format")
    if form == "date-time" and not name.endswith("_at"):
        return "is an instant and does not end in _at"
    if form == "date" and not name.endswith("_on"):
        return "is a day and does not end in _on"
    if form == "uuid" and name != "id" and not name.endswith("_id"):
        return "is a reference and does not end in _id"
    if told.get("type") == "array":
        items = followed(operation.document, told.get("items", {}))
        if items.get("format") == "uuid" and name != "ids" and not name.endswith("_ids"):
            return "are references and do not end in _ids"
    return None


def _codes(operation: Operation) -> Iterator[str]:
    for schema in _schemas(operation):
        for where, name, told in properties(operation.document, schema):
            if name in _LOWER_CASE_FIELDS:
                continue
            items = list(alternatives(operation.document, told.get("items", {}))) if "items" in told else []
            for choice in (told, *items):
                wrong = [code for code in choice.get("enum", ()) if not _CODE.fullmatch(str(code))]
                if wrong:
                    yield f"{where} has the codes {', '.join(map(str, wrong))}"


def _operation_ids(operation: Operation) -> Iterator[str]:
    name = operation.told.get("operationId", "")
    if not _OPERATION.fullmatch(name):
        yield f"operationId {name} is not a verb and a noun in snake case"


def _renamed(operation: Operation, fields: dict[str, str]) -> None:
    shown: Any = operation.shown
    for before, after in fields.items():
        shown["properties"][after] = shown["properties"].pop(before)


def _respelt(operation: Operation) -> None:
    for _, _, told in properties(operation.document, operation.shown):
        if "enum" in told:
            spelt: Any = told
            spelt["enum"] = ["in lower case"]


def _has_codes(operation: Operation) -> bool:
    told = properties(operation.document, operation.shown)
    return any("enum" in schema and name not in _LOWER_CASE_FIELDS for _, name, schema in told)


def _repathed(operation: Operation, _: Any) -> None:
    paths: Any = operation.document["paths"]
    paths["/v1/NewThing"] = paths[operation.path]


NAMING = (
    Rule("Paths are plural nouns in lower case and ids", _paths, lambda _: True, _repathed),
    Rule(
        "Ids in paths are UUIDs",
        _ids,
        lambda each: each.takes("path", "id"),
        lambda each, _: each.parameters["path", "id"]["schema"].pop("format"),
    ),
    Rule(
        "Fields and parameters are in snake case",
        _fields,
        lambda each: each.is_row,
        lambda each, _: _renamed(each, {"version": "theVersion"}),
    ),
    Rule(
        "Instants end in _at, days in _on, references in _id",
        _kinds,
        lambda each: each.is_row,
        lambda each, _: _renamed(each, {"created_at": "created"}),
    ),
    Rule("Codes are in UPPER_SNAKE", _codes, _has_codes, lambda each, _: _respelt(each)),
    Rule(
        "Operation ids are a verb and a noun",
        _operation_ids,
        lambda _: True,
        lambda _, told: told.update(operationId="get_contact_v1_contacts__id__get"),
    ),
)
