"""An OpenAPI document as the rules read it: operations, their parameters, and schemas with references followed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

Document: TypeAlias = Mapping[str, Any]
Schema: TypeAlias = Mapping[str, Any]

METHODS = ("get", "put", "post", "patch", "delete")
JSON = ("application/json", "application/merge-patch+json")


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation: `path` and `method` (in lower case) say which, `told` is what the document says of it."""

    document: Document
    path: str
    method: str
    told: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @cached_property
    def segments(self) -> list[str]:
        """The path's segments after `/v1`."""
        return self.path.strip("/").split("/")[1:]

    @cached_property
    def parameters(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The parameters by where they are and their name; headers in lower case."""
        told = [followed(self.document, each) for each in self.told.get("parameters", ())]
        return {(p["in"], p["name"].lower() if p["in"] == "header" else p["name"]): p for p in told}

    def takes(self, place: str, name: str) -> bool:
        """Whether there is such a parameter."""
        return (place, name) in self.parameters

    @cached_property
    def bodies(self) -> Mapping[str, Schema]:
        """The schemas of the request's body by media type."""
        body = followed(self.document, self.told.get("requestBody", {}))
        return {kind: content.get("schema", {}) for kind, content in body.get("content", {}).items()}

    @cached_property
    def json_body(self) -> Schema | None:
        """The schema of a JSON body, references followed at the top."""
        given = next((schema for kind, schema in self.bodies.items() if kind in JSON), None)
        return None if given is None else followed(self.document, given)

    @cached_property
    def answers(self) -> Mapping[str, Mapping[str, Any]]:
        """What may be answered, by status."""
        return {
            status: followed(self.document, told) for status, told in self.told.get("responses", {}).items()
        }

    @cached_property
    def good(self) -> Mapping[str, Mapping[str, Any]]:
        """The answers of success."""
        return {status: told for status, told in self.answers.items() if status.startswith("2")}

    @cached_property
    def shown(self) -> Schema:
        """The schema of the JSON answer of success; empty where there is none."""
        for told in self.good.values():
            schema = told.get("content", {}).get("application/json", {}).get("schema")
            if schema is not None:
                return followed(self.document, schema)
        return {}

    @cached_property
    def fields(self) -> Mapping[str, Schema]:
        """The properties of the JSON answer of success."""
        return self.shown.get("properties", {})

    @property
    def is_row(self) -> bool:
        """Whether it reads one row, which has a version."""
        return self.method == "get" and "version" in self.fields

    @property
    def is_list(self) -> bool:
        """Whether it reads pages of a list."""
        return self.method == "get" and "next_cursor" in self.fields

    @property
    def is_stream(self) -> bool:
        """Whether what it answers does not end."""
        return any("text/event-stream" in told.get("content", {}) for told in self.good.values())

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "get" and not self.path.endswith(READING_POSTS)

    def sibling(self, path: str, method: str) -> bool:
        """Whether the document has that operation too."""
        return method in self.document["paths"].get(path, {})


# POSTs that change nothing, because what they ask with does not fit into a query.
READING_POSTS = ("/lookup", "/evaluate")


def operations(document: Document) -> Iterator[Operation]:
    """Every operation of the document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(document, path, method, item[method])


def followed(document: Document, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference refers to; anything else as it is."""
    while "$ref" in told:
        found: Any = document
        for part in told["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        told = found
    return told


def alternatives(document: Document, schema: Schema) -> Iterator[Schema]:
    """The schema, or those that it offers the choice of, references followed; null is no alternative."""
    schema = followed(document, schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices is None:
        if schema.get("type") != "null":
            yield schema
        return
    for choice in choices:
        yield from alternatives(document, choice)


def properties(
    document: Document, schema: Schema, path: str = "", seen: tuple[int, ...] = ()
) -> Iterator[tuple[str, str, Schema]]:
    """Every property inside the schema: where it is, its name, and its alternatives one by one."""
    for each in alternatives(document, schema):
        if id(each) in seen:
            continue
        inner = (*seen, id(each))
        for name, told in each.get("properties", {}).items():
            for choice in alternatives(document, told):
                yield f"{path}.{name}".lstrip("."), name, choice
            yield from properties(document, told, f"{path}.{name}", inner)
        for nested in ("items", "additionalProperties"):
            if isinstance(each.get(nested), Mapping):
                yield from properties(document, cast("Schema", each[nested]), f"{path}[]", inner)


def values(
    document: Document, schema: Schema, path: str = "", seen: tuple[int, ...] = ()
) -> Iterator[tuple[str, Schema]]:
    """Every schema inside the schema, itself included, alternatives one by one: where it is, and what it says."""
    for each in alternatives(document, schema):
        if id(each) in seen:
            continue
        inner = (*seen, id(each))
        yield path or "body", each
        for name, told in each.get("properties", {}).items():
            yield from values(document, told, f"{path}.{name}".lstrip("."), inner)
        for nested in ("items", "additionalProperties"):
            if isinstance(each.get(nested), Mapping):
                yield from values(document, cast("Schema", each[nested]), f"{path}[]", inner)
