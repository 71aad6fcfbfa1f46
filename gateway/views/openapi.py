"""One OpenAPI document from those of the services and the gateway's own.

Pure: JSON documents in, one out. A component of two services under one name is shared when it means the same in
both, and takes its service's name in front otherwise.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from gateway.upstreams import OWNER_OF
from gateway.views.account import PARTS

Document: TypeAlias = Mapping[str, Any]
Component: TypeAlias = tuple[str, str]  # kind and name, as in ("schemas", "Account")

SCHEME = "bearer"
VIEW_PATH = "/v1/accounts/{account_id}/view"

_VIEW = re.compile(r"/v1/accounts/\{[^}]+\}/view")
_METHODS = frozenset(("get", "put", "post", "delete", "patch", "head", "options", "trace"))
_REF = re.compile(r"#/components/([^/]+)/([^/]+)")


def merged(own: Document, documents: Mapping[str, Document]) -> dict[str, Any]:
    """The document of the whole platform: `own` is the gateway's, `documents` are the services' by name.

    Only paths of nouns that the service owns are taken. Every operation says how it is secured.
    """
    renamed = {service: _renamer(service, _clashing(documents)) for service in documents}
    named = {service: _with_names(document, renamed[service]) for service, document in documents.items()}
    components = _merged_components([*named.values(), own])
    components["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    components.setdefault("schemas", {})["AccountView"] = _view_schema(named)
    paths = dict(_paths(named)) | {VIEW_PATH: {"get": _VIEW_OPERATION}} | dict(own.get("paths", {}))
    return {
        "openapi": "3.1.0",
        "info": own["info"],
        "tags": _tags([own, *named.values()]),
        "paths": _with_unique_ids({path: _secured(path, item) for path, item in sorted(paths.items())}),
        "components": {kind: dict(sorted(items.items())) for kind, items in sorted(components.items())},
    }


def _paths(documents: Mapping[str, Document]) -> Iterator[tuple[str, Any]]:
    for service, document in documents.items():
        for path, item in document.get("paths", {}).items():
            noun = path.split("/")[2] if path.startswith("/v1/") else ""
            if OWNER_OF.get(noun) == service and not _VIEW.fullmatch(path):
                yield path, item


# Names


def _clashing(documents: Mapping[str, Document]) -> frozenset[Component]:
    """Components that two services define differently, themselves or through what they refer to."""
    told: dict[Component, set[str]] = {}
    refers: dict[Component, set[Component]] = {}
    for document in documents.values():
        for component, content in _components(document):
            told.setdefault(component, set()).add(json.dumps(content, sort_keys=True))
            refers.setdefault(component, set()).update(_references(content))
    clashing = {component for component, texts in told.items() if len(texts) > 1}
    while grown := {c for c, inner in refers.items() if c not in clashing and inner & clashing}:
        clashing |= grown
    return frozenset(clashing)


def _components(document: Document) -> Iterator[tuple[Component, Any]]:
    for kind, items in document.get("components", {}).items():
        if kind != "securitySchemes":
            for name, content in items.items():
                yield (kind, name), content


def _references(content: object) -> Iterator[Component]:
    if isinstance(content, str):
        found = _REF.fullmatch(content)
        if found is not None:
            yield found[1], found[2]
    elif isinstance(content, Mapping):
        for inner in cast("Mapping[str, object]", content).values():
            yield from _references(inner)
    elif isinstance(content, list):
        for inner in cast("list[object]", content):
            yield from _references(inner)


def _renamer(service: str, clashing: frozenset[Component]) -> Callable[[Component], str]:
    prefix = service.title().replace("-", "")
    return lambda component: prefix + component[1] if component in clashing else component[1]


def _with_names(document: Document, renamed: Callable[[Component], str]) -> dict[str, Any]:
    components: dict[str, dict[str, Any]] = {}
    for (kind, name), content in _components(document):
        components.setdefault(kind, {})[renamed((kind, name))] = _rewritten(content, renamed)
    return {
        **document,
        "paths": _rewritten(document.get("paths", {}), renamed),
        "components": components,
    }


def _rewritten(content: Any, renamed: Callable[[Component], str]) -> Any:
    if isinstance(content, str):
        found = _REF.fullmatch(content)
        return f"#/components/{found[1]}/{renamed((found[1], found[2]))}" if found else content
    if isinstance(content, Mapping):
        return {key: _rewritten(inner, renamed) for key, inner in cast("Mapping[str, Any]", content).items()}
    if isinstance(content, list):
        return [_rewritten(inner, renamed) for inner in cast("list[Any]", content)]
    return content


def _merged_components(documents: Iterable[Document]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for document in documents:
        for (kind, name), content in _components(document):
            merged.setdefault(kind, {})[name] = content
    return merged


def _tags(documents: Iterable[Document]) -> list[Any]:
    tags = {tag["name"]: tag for document in documents for tag in document.get("tags", ())}
    return list(tags.values())


# Operations


def _secured(path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    security: Sequence[Any] = [{SCHEME: []}] if path.startswith("/v1/") else []
    return {key: {**value, "security": security} if key in _METHODS else value for key, value in item.items()}


def _with_unique_ids(paths: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    seen: set[str] = set()
    for path, item in paths.items():
        for method, operation in item.items():
            if method not in _METHODS:
                continue
            name = operation.get("operationId") or re.sub(r"\W+", "_", f"{method}{path}")
            operation["operationId"] = name if name not in seen else re.sub(r"\W+", "_", f"{name}_{path}")
            seen.add(operation["operationId"])
    return paths


def _view_schema(documents: Mapping[str, Document]) -> dict[str, Any]:
    properties = {
        key: {"anyOf": [_part_property(documents.get(part, {}), key), {"type": "null"}]}
        for part, keys in PARTS.items()
        for key in keys
    }
    return {
        "type": "object",
        "description": "What all services know of one account. The keys of a missing part are null.",
        "properties": {**properties, "missing": _MISSING, "as_of": {"type": "string", "format": "date-time"}},
        "required": [*properties, "missing", "as_of"],
    }


def _part_property(document: Document, key: str) -> Any:
    for path, item in document.get("paths", {}).items():
        if _VIEW.fullmatch(path):
            schema = _answer_schema(document, item.get("get", {}))
            return schema.get("properties", {}).get(key, {})
    return {}


def _answer_schema(document: Document, operation: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation.get("responses", {}).get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    found = _REF.fullmatch(schema.get("$ref", ""))
    return document["components"][found[1]][found[2]] if found else schema


_MISSING: Mapping[str, Any] = {
    "type": "array",
    "description": "The parts that are not there, and why.",
    "items": {
        "type": "object",
        "properties": {
            "part": {"type": "string", "enum": list(PARTS)},
            "reason": {"type": "string", "enum": ["unreachable", "timeout", "error", "not_yet"]},
        },
        "required": ["part", "reason"],
    },
}

_VIEW_OPERATION: Mapping[str, Any] = {
    "tags": ["views"],
    "summary": "One account, as all services know it",
    "description": (
        "Asks every service at once, with a time budget. Parts that fail are named in `missing` and the rest is "
        "served; 404 only if every service that answers says so."
    ),
    "operationId": "account_view",
    "parameters": [
        {"name": "account_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    ],
    "responses": {
        "200": {
            "description": "The view",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AccountView"}}},
        }
    },
}
