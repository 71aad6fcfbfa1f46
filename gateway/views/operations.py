"""The operations that the gateway composes of all services, as its OpenAPI document describes them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from gateway.upstreams import OWNERS
from gateway.views import account, person
from gateway.views.parts import Parts
from services.kit.conditional import TAGGED
from services.kit.grammar import DEFAULT_LIMIT, MAX_LIMIT
from services.kit.growth import MAX_WAIT
from services.kit.openapi import REFERENCE
from services.kit.problems import PROBLEM_RESPONSE

Document: TypeAlias = Mapping[str, Any]

VIEW_PATH = "/v1/accounts/{id}/view"
PERSONAL_DATA_PATH = "/v1/contacts/{id}/personal-data"
ERASURE_PATH = "/v1/contacts/{id}/erasure"
CHANGES_PATH = "/v1/changes"
STREAM_PATH = "/v1/stream"

_ONE: Sequence[Mapping[str, Any]] = (
    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
    {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}},
)


def _told(description: str, schema: str) -> Mapping[str, Any]:
    """The answers of a tagged read: what is shown, and that it has not changed."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    shown = {"200": {"description": description, "content": content}}
    return shown | {str(status): told for status, told in TAGGED.items()}


_VIEW_OPERATION: Mapping[str, Any] = {
    "tags": ["views"],
    "summary": "One account, as all services know it",
    "description": (
        "Asks every service at once, with a time budget. Parts that fail are named in `missing` and the rest is "
        "served; 404 only if every service that answers says so."
    ),
    "operationId": "get_account_view",
    "parameters": _ONE,
    "responses": _told("The view", "AccountView"),
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
    "responses": _told("What is held", "ContactHeld"),
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
    "responses": _told("The erasure", "Erasure"),
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
        _number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT, "Items of each service at the most."),
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
OWN_PATHS: Mapping[str, Any] = {
    VIEW_PATH: {"get": _VIEW_OPERATION},
    PERSONAL_DATA_PATH: {"get": _PERSONAL_DATA_OPERATION},
    ERASURE_PATH: {"get": _ERASURE_OPERATION},
    CHANGES_PATH: {"get": _CHANGES_OPERATION},
    STREAM_PATH: {"get": _STREAM_OPERATION},
}
"""The paths of the operations, as OpenAPI has them."""


def own_schemas(documents: Mapping[str, Document]) -> dict[str, Any]:
    """The schemas that the operations answer with, made of what the services' documents say of their parts."""
    return {
        "AccountView": _view_schema(documents),
        "Changes": _changes_schema(documents),
        "ContactHeld": _held_schema(documents),
        "Erasure": _erasure_schema(documents),
    }


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
