"""One OpenAPI document from those of the services and the gateway's own.

Pure: JSON documents in, one out. A component of two services under one name is shared when it means the same in
both, and takes its service's name in front otherwise.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from gateway.upstreams import JOINED, OWNER_OF
from gateway.views.codes import Codes, codes_of, told_by_name
from gateway.views.operations import OWN_PATHS, Document, own_schemas
from services.kit.illustrations import Illustrator
from services.kit.openapi import (
    COMPONENTS,
    PROBLEM_CODES,
    REFERENCE,
    Component,
    completed_path,
    references,
)
from services.kit.words import KIT_WORDS

SECURITY: list[dict[str, list[str]]] = [{"openid": []}, {"bearer": []}]
"""How operations are secured: by a token of the issuer that is to be discovered, however the client calls that."""

SOME_ISSUER = "https://issuer.example"
"""The issuer of the document that is not of one organisation."""

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
    components["schemas"] |= own_schemas(named)
    illustrator = Illustrator(components["schemas"], KIT_WORDS)
    served = dict(_paths(named))
    for path, item in OWN_PATHS.items():
        served[path] = {**served.get(path, {}), **completed_path(path, item, illustrator)}
    served |= own.get("paths", {})
    codes = codes_of(components["schemas"])
    paths = {path: _completed(path, item, codes) for path, item in sorted(served.items())}
    return {
        "openapi": "3.1.0",
        "info": own["info"],
        "tags": _tags([own, *named.values()]),
        PROBLEM_CODES: sorted({code for told in documents.values() for code in told.get(PROBLEM_CODES, ())}),
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
