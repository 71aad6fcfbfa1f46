"""Everything that a request may send has an end: texts, lists, maps and numbers of every body are bounded."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.opportunities.main import SERVICE as OPPORTUNITIES

SERVICES = (CONTACTS, OPPORTUNITIES, ACTIVITIES)
PARSER: Any = import_module("re._parser")
SHORT_FORMATS = frozenset({"uuid", "date", "date-time"})
Schema = Mapping[str, Any]


def bodies() -> Iterator[tuple[str, Any]]:
    for service in SERVICES:
        for router in service.routers:
            for route in router.routes:
                if isinstance(route, APIRoute) and route.body_field is not None:
                    method = min(route.methods or ())
                    yield f"{service.name} {method} {route.path}", route.body_field.field_info.annotation


def unbounded(kind: Any) -> list[str]:
    """Where in the body something has no end."""
    schema = TypeAdapter[Any](kind).json_schema()
    return list(_walk(schema, schema.get("$defs", {}), "body"))


def _walk(schema: Schema, known: Schema, path: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _walk(known[schema["$ref"].rpartition("/")[2]], known, path)
        return
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _walk(each, known, path)
    listed = "enum" in schema or "const" in schema
    if not listed and schema.get("type") in _BOUNDED and not _BOUNDED[schema["type"]](schema):
        yield path
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _walk(schema["additionalProperties"], known, f"{path}.*")
    for name, inner in schema.get("properties", {}).items():
        yield from _walk(inner, known, f"{path}.{name}")
    if "items" in schema:
        yield from _walk(schema["items"], known, f"{path}.0")


def _text(schema: Schema) -> bool:
    if "maxLength" in schema or schema.get("format") in SHORT_FORMATS:
        return True
    pattern = schema.get("pattern")
    return pattern is not None and bool(PARSER.parse(pattern).getwidth()[1] < 1_000)


def _number(schema: Schema) -> bool:
    return ("minimum" in schema or "exclusiveMinimum" in schema) and (
        "maximum" in schema or "exclusiveMaximum" in schema
    )


def _list(schema: Schema) -> bool:
    return "maxItems" in schema


def _map(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False or "maxProperties" in schema


_BOUNDED: Mapping[str, Callable[[Schema], bool]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "array": _list,
    "object": _map,
}


@pytest.mark.parametrize(("route", "kind"), [*bodies()])
def test_every_field_of_every_body_has_an_end(route: str, kind: Any) -> None:
    assert unbounded(kind) == []


def test_there_are_bodies() -> None:
    assert len(list(bodies())) > 20


class Planted(BaseModel):
    """One field of each kind, with an end and without."""

    model_config = {"extra": "forbid"}

    text: str
    texts: list[Annotated[str, Field(max_length=5)]]
    deep: Annotated[list[str], Field(max_length=5)]
    map: dict[str, Annotated[int, Field(ge=0, le=1)]]
    number: int | None
    wide: Annotated[str, StringConstraints(pattern="^a+$")]
    short: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    fine: Annotated[str, Field(max_length=5)]


def test_a_field_without_an_end_is_found() -> None:
    assert unbounded(Planted) == [
        "body.text", "body.texts", "body.deep.0", "body.map", "body.number", "body.wide",
    ]  # fmt: skip
