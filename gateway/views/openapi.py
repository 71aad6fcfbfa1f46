"""One OpenAPI document from those of the services and the gateway's own.

Pure: JSON documents in, one out. A component of two services under one name is shared when it means the same in
both, and takes its service's name in front otherwise.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from gateway.upstreams import JOINED, OWNER_OF, OWNERS
from gateway.views import account, person
from gateway.views.codes import Codes, codes_of, told_by_name
from gateway.views.parts import Parts
from services.kit.conditional import TAGGED
from services.kit.growth import MAX_LIMIT, MAX_WAIT
from services.kit.illustrations import Illustrator
from services.kit.openapi import COMPONENTS, REFERENCE, Component, completed_path, references
from services.kit.problems import PROBLEM_RESPONSE
from services.kit.words import KIT_WORDS

Document: TypeAlias = Mapping[str, Any]

SECURITY: list[dict[str, list[str]]] = [{"openid": []}, {"bearer": []}]
"""How operations are secured: by a token of the issuer that is to be discovered, however the client calls that."""

SOME_ISSUER = "https://issuer.example"
"""The issuer of the document that is not of one organisation."""

VIEW_PATH = "/v1/accounts/{id}/view"
PERSONAL_DATA_PATH = "/v1/contacts/{id}/personal-data"
ERASURE_PATH = "/v1/contacts/{id}/erasure"
CHANGES_PATH = "/v1/changes"
STREAM_PATH = "/v1/stream"

_METHODS = frozenset(("get", "put", "post", "delete", "patch", "head", "options", "trace"))
_PROSE = frozenset(("title", "description"))


def merged(own: Document, documents: Mapping[str, Document], *, issuer: str = SOME_ISSUER) -> dict[str, Any]:
    """The document of the whole platform: `own` is the gateway's, `documents` are the services' by name.

    Only paths of nouns that the service owns are taken. Every operation says how it is secured, by tokens of `issuer`.
    """
    clashing = _clashing(documents)
    renamed = {service: _renamer(service, clashing) for service in documents}
    named = {service: _with_names(document, renamed[service]) for service, document in documents.items()}
    components = _merged_components([*named.values(), own])
    for kind, shared in COMPONENTS.items():
        components[kind] = {**components.get(kind, {}), **shared}
    components["schemas"] |= {
        "AccountView": _view_schema(named),
        "Changes": _changes_schema(named),
        "ContactHeld": _held_schema(named),
        "Erasure": _erasure_schema(named),
    }
    illustrator = Illustrator(components["schemas"], KIT_WORDS)
    served = dict(_paths(named))
    for path, item in _OWN_PATHS.items():
        served[path] = {**served.get(path, {}), **completed_path(path, item, illustrator)}
    served |= own.get("paths", {})
    codes = codes_of(components["schemas"])
    paths = {path: _completed(path, item, codes) for path, item in sorted(served.items())}
    return {
        "openapi": "3.1.0",
        "info": own["info"],
        "tags": _tags([own, *named.values()]),
        "paths": _with_unique_ids(paths),
        "components": {
            **_used(paths, components),
            "securitySchemes": schemes(issuer),
        },
    }


def _paths(documents: Mapping[str, Document]) -> Iterator[tuple[str, Any]]:
    for service, document in documents.items():
        for path, item in document.get("paths", {}).items():
            noun = path.split("/")[2] if path.startswith("/v1/") else ""
            if (JOINED.get(path) or OWNER_OF.get(noun)) == service:
                yield path, item


# Names


def _clashing(documents: Mapping[str, Document]) -> frozenset[Component]:
    """Components that two services define differently, themselves or through what they refer to."""
    meanings: dict[Component, list[str]] = {}
    refers: dict[Component, set[Component]] = {}
    for document in documents.values():
        for component, content in _components(document):
            meanings.setdefault(component, []).append(json.dumps(_without_prose(content), sort_keys=True))
            refers.setdefault(component, set()).update(references(content))
    shared = {component for component, told in meanings.items() if len(told) > 1}
    clashing = {component for component in shared if len(set(meanings[component])) > 1}
    while grown := {component for component in shared - clashing if refers[component] & clashing}:
        clashing |= grown
    return frozenset(clashing)


def _without_prose(content: Any) -> Any:
    if isinstance(content, Mapping):
        items = cast("Mapping[str, Any]", content).items()
        return {
            key: _without_prose(inner)
            for key, inner in items
            if not (key in _PROSE and isinstance(inner, str))
        }
    if isinstance(content, list):
        return [_without_prose(inner) for inner in cast("list[Any]", content)]
    return content


def _components(document: Document) -> Iterator[tuple[Component, Any]]:
    for kind, items in document.get("components", {}).items():
        if kind != "securitySchemes":
            for name, content in items.items():
                yield (kind, name), content


def _renamer(service: str, clashing: frozenset[Component]) -> Callable[[Component], str]:
    prefix = service.title().replace("-", "")
    return lambda component: prefix + component[1] if component in clashing else component[1]


def _with_names(document: Document, renamed: Callable[[Component], str]) -> dict[str, Any]:
    components: dict[str, dict[str, Any]] = {}
    for (kind, name), content in _components(document):
        new = renamed((kind, name))
        components.setdefault(kind, {})[new] = _titled(_rewritten(content, renamed), name, new)
    return {
        **document,
        "paths": _rewritten(document.get("paths", {}), renamed),
        "components": components,
    }


def _titled(content: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The component with its new name as its title too: generators of clients call classes by it."""
    return {**content, "title": new} if content.get("title") == old else content


def _rewritten(content: Any, renamed: Callable[[Component], str]) -> Any:
    if isinstance(content, str):
        found = REFERENCE.fullmatch(content)
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


def _used(paths: Document, components: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The components that the paths refer to, or that those refer to."""
    used: set[Component] = set()
    found = set(references(paths))
    while found:
        used |= found
        contents = (components.get(kind, {}).get(name) for kind, name in found)
        found = {inner for content in contents for inner in references(content)} - used
    kinds = sorted({kind for kind, _ in used})
    return {
        kind: {
            name: content
            for name, content in sorted(components.get(kind, {}).items())
            if (kind, name) in used
        }
        for kind in kinds
    }


def _tags(documents: Iterable[Document]) -> list[Any]:
    tags = {tag["name"]: tag for document in documents for tag in document.get("tags", ())}
    return list(tags.values())


# Operations


def _completed(path: str, item: Mapping[str, Any], codes: Codes) -> dict[str, Any]:
    """The path with its operations secured; whatever goes wrong with one is a problem."""
    security = SECURITY if path.startswith("/v1/") else []
    default = {"default": {"$ref": "#/components/responses/Refused"}}
    return {
        key: told_by_name(value, codes)
        | {"responses": {**default, **value.get("responses", {})}, "security": security}
        if key in _METHODS
        else value
        for key, value in item.items()
    }


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
    told = _properties(documents, account.PARTS, VIEW_PATH)
    properties = {key: _or_null(schema) for key, schema in told.items()}
    return {
        "type": "object",
        "description": "What all services know of one account. The keys of a missing part are null.",
        "properties": {**properties, "missing": _MISSING, "as_of": {"type": "string", "format": "date-time"}},
        "required": [*properties, "missing", "as_of"],
    }


def _held_schema(documents: Mapping[str, Document]) -> dict[str, Any]:
    properties = _properties(documents, person.HELD, PERSONAL_DATA_PATH)
    return {
        "type": "object",
        "title": "ContactHeld",
        "description": "What all services hold about a person.",
        "properties": properties,
        "required": list(properties),
    }


def _erasure_schema(documents: Mapping[str, Document]) -> dict[str, Any]:
    told = _properties(documents, person.ERASED, ERASURE_PATH)
    certain = person.ERASED.keys["contacts"]
    properties = {key: schema if key in certain else _or_null(schema) for key, schema in told.items()}
    return {
        "type": "object",
        "title": "Erasure",
        "description": "A person who was erased, and where texts of all services may name them still.",
        "properties": properties,
        "required": list(properties),
    }


def _properties(documents: Mapping[str, Document], parts: Parts, path: str) -> dict[str, Any]:
    """What the services' parts say at the path, by key."""
    return {
        key: _part_property(documents.get(part, {}), path, key)
        for part, keys in parts.keys.items()
        for key in keys
    }


def _changes_schema(documents: Mapping[str, Document]) -> dict[str, Any]:
    """What every service's feed tells, one after the other."""
    told = [_changes_of(document) for document in documents.values()]
    return {
        "type": "object",
        "description": "Changes of all services; `next` is the token to go on from, at once where there is `more`.",
        "properties": {
            "items": {"type": "array", "items": {"anyOf": told} if told else {}},
            "next": {"type": "string"},
            "more": {"type": "boolean"},
            "missing": _MISSING,
        },
        "required": ["items", "next", "more", "missing"],
    }


def _changes_of(document: Document) -> Mapping[str, Any]:
    operation = document.get("paths", {}).get(CHANGES_PATH, {}).get("get", {})
    return _answer_schema(document, operation).get("properties", {}).get("items", {}).get("items", {})


def _or_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema if _NULL in schema.get("anyOf", ()) else {"anyOf": [schema, _NULL]}


def _part_property(document: Document, path: str, key: str) -> Any:
    operation = document.get("paths", {}).get(path, {}).get("get", {})
    return _answer_schema(document, operation).get("properties", {}).get(key, {})


def _answer_schema(document: Document, operation: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation.get("responses", {}).get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    found = REFERENCE.fullmatch(schema.get("$ref", ""))
    return document["components"][found[1]][found[2]] if found else schema


def schemes(issuer: str) -> dict[str, Any]:
    """The components `securitySchemes`."""
    return {
        "openid": {
            "type": "openIdConnect",
            "openIdConnectUrl": f"{issuer.rstrip('/')}/.well-known/openid-configuration",
            "description": "Sign in at the organisation's OpenID Connect issuer, and send its access token.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The same access token, for clients that have one already.",
        },
    }


_NULL: Mapping[str, Any] = {"type": "null"}

_MISSING: Mapping[str, Any] = {
    "type": "array",
    "description": "The parts that are not there, and why.",
    "items": {
        "type": "object",
        "properties": {
            "part": {"type": "string", "enum": list(OWNERS)},
            "reason": {"type": "string", "enum": ["unreachable", "timeout", "error", "not_yet"]},
        },
        "required": ["part", "reason"],
    },
}

_ONE: Sequence[Mapping[str, Any]] = (
    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
    {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}},
)
_VIEW_OPERATION: Mapping[str, Any] = {
    "tags": ["views"],
    "summary": "One account, as all services know it",
    "description": (
        "Asks every service at once, with a time budget. Parts that fail are named in `missing` and the rest is "
        "served; 404 only if every service that answers says so."
    ),
    "operationId": "get_account_view",
    "parameters": _ONE,
    "responses": {
        "200": {
            "description": "The view",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AccountView"}}},
        },
        **{str(status): told for status, told in TAGGED.items()},
    },
}

_PERSONAL_DATA_OPERATION: Mapping[str, Any] = {
    "tags": ["contacts"],
    "summary": "What is held about a person, in all services",
    "description": (
        "For the account team, its managers and administrators. It is whole or not given: while a service does not "
        "answer, or has not heard of the person yet, 503 `parts_missing` says which. Texts in which the person's name "
        "stands are named and not shown: people look whether they are about this person."
    ),
    "operationId": "get_personal_data",
    "parameters": _ONE,
    "responses": {
        "200": {
            "description": "What is held",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ContactHeld"}}},
        },
        **{str(status): told for status, told in TAGGED.items()},
    },
}

_ERASURE_OPERATION: Mapping[str, Any] = {
    "tags": ["contacts"],
    "summary": "An erasure, and the texts of all services that may name the person",
    "description": (
        "For administrators and machine accounts with the scope `erasure`. 404 for who was not erased. What the name "
        "stood in when it was erased is named and not shown, up to 1,000 fields of each service; `more_in_...` where "
        "others may name the person as well. A service that has not heard of the erasure yet shows null: ask again. "
        "While one does not answer, 503 `parts_missing` says which."
    ),
    "operationId": "get_erasure",
    "parameters": _ONE,
    "responses": {
        "200": {
            "description": "The erasure",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Erasure"}}},
        },
        **{str(status): told for status, told in TAGGED.items()},
    },
}

_SINCE: Mapping[str, Any] = {
    "name": "since",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "maxLength": 600},
    "description": "`next` of the answer before; without it the token of now, and no items.",
}


def _number(name: str, least: int, most: int, default: int, description: str) -> Mapping[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_GONE: Mapping[str, Any] = {
    **PROBLEM_RESPONSE,
    "description": "`too_old` or `sight_changed`: take a new token, by asking without one, then read all afresh.",
}
_CHANGES_OPERATION: Mapping[str, Any] = {
    "tags": ["changes"],
    "summary": "What has changed for the caller, in all services",
    "description": (
        "Order is kept within a service. A service that is away is named in `missing`, and its part of the token stays."
        " Links are parts of the person they come from, stakeholders of their deal. Parts go with their whole: drop "
        "them with it, news of each need not come. Leave out parts of a whole that you do not hold. Read the "
        "parts again when their whole is new to you, or its `owner_id` or `account_id` has changed."
    ),
    "operationId": "list_changes",
    "parameters": [
        _SINCE,
        _number("limit", 1, MAX_LIMIT, 50, "Items of each service at the most."),
        _number("wait", 0, MAX_WAIT, 0, "Seconds for which an answer without items may wait for one."),
    ],
    "responses": {
        "200": {
            "description": "The changes",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Changes"}}},
        },
        "410": _GONE,
    },
}
_EVENT: Mapping[str, Any] = {
    "type": "object",
    "description": "One event, its lines by their names.",
    "properties": {
        "event": {"type": "string", "enum": ["changes", "gone"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string", "description": "The token to come back with."},
        "retry": {"type": "integer", "description": "Milliseconds after which to come back."},
    },
}
_STREAM_OPERATION: Mapping[str, Any] = {
    "tags": ["changes"],
    "summary": "The same, pushed as server-sent events",
    "description": (
        "Events `changes` hold `items`, and as their id the token; `gone` holds a problem and asks to read all afresh. "
        "Whoever comes back with `Last-Event-ID` goes on from there. The stream ends with the bearer token."
    ),
    "operationId": "stream_changes",
    "parameters": [
        _SINCE,
        {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}},
    ],
    "responses": {"200": {"description": "Events", "content": {"text/event-stream": {"schema": _EVENT}}}},
}
_OWN_PATHS: Mapping[str, Any] = {
    VIEW_PATH: {"get": _VIEW_OPERATION},
    PERSONAL_DATA_PATH: {"get": _PERSONAL_DATA_OPERATION},
    ERASURE_PATH: {"get": _ERASURE_OPERATION},
    CHANGES_PATH: {"get": _CHANGES_OPERATION},
    STREAM_PATH: {"get": _STREAM_OPERATION},
}
