"""What every operation's description says beside what its route declares: headers, refusals, examples.

FastAPI describes what a route takes and shows. From that follows the rest, the same way everywhere: who takes If-Match
may be answered 412, what can be written twice takes an Idempotency-Key. Nothing of it is said in a route. It is said as
callers meet it: at the gateway, which counts their requests.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from services.kit.access import READING_POSTS
from services.kit.conditional import TAG
from services.kit.illustrations import IN_PART, Illustrator
from services.kit.problems import MEDIA_TYPE, PROBLEM_SCHEMA
from services.kit.words import Words

Json = dict[str, Any]
Component: TypeAlias = tuple[str, str]
"""Kind and name, as in `("schemas", "AccountRead")`."""

REFERENCE: Final = re.compile(r"#/components/([^/]+)/([^/]+)")
"""How a document refers to a component of its own."""

METHODS: Final = ("get", "put", "post", "patch", "delete")
PROBLEM_CODES: Final = "x-problem-codes"
"""Where a document lists the codes of all refusals."""

_TEXT: Final = {"type": "string"}


def _header(description: str, **schema: Any) -> Json:
    return {"description": description, "schema": _TEXT | schema}


HEADERS: Final[Mapping[str, Json]] = {
    "ETag": _header("What the answer is a version of, for If-Match and If-None-Match.", example='"3"'),
    "Location": _header("Where what was made is.", format="uri-reference"),
    "X-Request-Id": _header("The request's id; it finds the request in the log."),
    "Idempotency-Replayed": _header("`true` where the answer is that of the first request under the key."),
    "RateLimit": _header(
        "What is left: so many requests (`r`) for so many seconds (`t`).", example='"reads";r=599;t=60'
    ),
    "RateLimit-Policy": _header(
        "How often the caller may ask: so many requests (`q`) in so many seconds (`w`).",
        example='"reads";q=600;w=60',
    ),
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "Content-Language": _header("The language of titles and labels: en or zh-Hans."),
    "WWW-Authenticate": _header("How to sign in."),
}
"""Headers of answers: the component `headers`."""


def _parameter(name: str, description: str, *, required: bool = False, **schema: Any) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": _TEXT | schema,
    }


_IF_MATCH: Final = 'The version that was read, as in `"3"`, or `*` for any.'
_VERSION: Final[Json] = {"maxLength": 200, "pattern": rf"^(?:\*|{TAG})$", "example": '"3"'}
PARAMETERS: Final[Mapping[str, Json]] = {
    "IfMatch": _parameter("If-Match", _IF_MATCH, required=True, **_VERSION),
    "IfMatchOfWhatIsThere": _parameter(
        "If-Match", f"{_IF_MATCH} Needed where the item is there already.", **_VERSION
    ),
    "IfNoneMatch": _parameter(
        "If-None-Match",
        "ETags that the caller has; answered 304 where one is the present one.",
        example='"3"',
    ),
    "IfNothingIsThere": _parameter(
        "If-None-Match", "`*`: only if there is none; without If-Match beside it.", pattern=r"^\*$"
    ),
    "IdempotencyKey": _parameter(
        "Idempotency-Key",
        "The caller's own key of this request: sent again under it, the request is answered as the first time.",
        minLength=1,
        maxLength=255,
        pattern="^[ -~]+$",
    ),
    "AcceptLanguage": _parameter(
        "Accept-Language", "The language of titles and labels, English or Chinese.", example="zh-CN, en;q=0.5"
    ),
    "Traceparent": _parameter("traceparent", "The caller's trace, as W3C has it; ignored where it is none."),
}
"""Headers of requests: the component `parameters`, by the component's name."""

_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "400": ("BadRequest", "What cannot be read at all."),
    "401": ("Unauthorized", "No token, or one that is not good."),
    "403": ("Forbidden", "Not the caller's to do."),
    "404": ("NotFound", "Not there, or not for the caller to see."),
    "408": ("RequestTimeout", "The request did not arrive in time."),
    "409": ("Conflict", "Against the state in which things are."),
    "410": (
        "Gone",
        "So old that it is not kept any more; or, of changes, so many that all is to be read afresh.",
    ),
    "412": ("PreconditionFailed", "Changed since it was read; `current` holds its present state."),
    "413": ("TooLarge", "More bytes than are taken."),
    "414": ("UriTooLong", "An address of more bytes than are taken."),
    "415": ("UnsupportedMediaType", "A media type that is not read here."),
    "422": ("Invalid", "`errors` names each wrong field, and what would be right."),
    "428": ("PreconditionRequired", "Does not say on which version it was made."),
    "429": ("TooManyRequests", "More requests than the caller may send."),
    "431": ("HeadersTooLarge", "More header fields, or longer ones, than are taken."),
    "503": ("Unavailable", "Something that is needed does not answer now."),
    "504": ("Timeout", "Somebody behind did not answer in time."),
    "default": ("Refused", "Any other refusal."),
}
_WITH_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "401": ("WWW-Authenticate",),
    "409": ("Retry-After",),
    "412": ("ETag",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
_ALWAYS: Final = ("400", "401", "403", "408", "414", "429", "431", "503", "504", "default")
_RATE: Final = ("RateLimit", "RateLimit-Policy")
_UNCOUNTED: Final = frozenset(("401", "408", "413", "414", "431"))
"""How a request is refused before it is known whose it is."""


def _refusal(status: str, description: str) -> Json:
    counted = () if status in _UNCOUNTED else _RATE
    names = ("X-Request-Id", "Content-Language", *counted, *_WITH_HEADERS.get(status, ()))
    return {
        "description": description,
        "headers": _headers(names),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _headers(names: tuple[str, ...]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


COMPONENTS: Final[Mapping[str, Mapping[str, Json]]] = {
    "schemas": {"Problem": dict(PROBLEM_SCHEMA)},
    "headers": HEADERS,
    "parameters": PARAMETERS,
    "responses": {name: _refusal(status, text) for status, (name, text) in _SAID.items()},
}
"""What descriptions of operations refer to."""


def completed(document: Mapping[str, Any], words: Words) -> Json:
    """A service's document as FastAPI made it, with all that follows from it."""
    components = {**document.get("components", {})}
    for kind, content in COMPONENTS.items():
        components[kind] = {**components.get(kind, {}), **content}
    components["schemas"] |= dict(_patches(document["paths"], components["schemas"]))
    components["schemas"] |= dict(_in_part(document["paths"], components["schemas"]))
    illustrator = Illustrator(components["schemas"], words)
    paths = {path: completed_path(path, item, illustrator) for path, item in document["paths"].items()}
    told = {"tags": _tags(paths, words), "paths": paths, "components": components}
    return {**document, **told, PROBLEM_CODES: sorted(words.at("problems"))}


def _patches(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """The schemas of merge patches, without defaults: what is absent stays as it is."""
    for item in paths.values():
        content: Json = item.get("patch", {}).get("requestBody", {}).get("content", {})
        for told in content.values():
            name = _name(told["schema"])
            if name:
                fields: Mapping[str, Json] = schemas[name]["properties"]
                plain = {
                    field: {key: value for key, value in each.items() if key != "default"}
                    for field, each in fields.items()
                }
                yield name, {**schemas[name], "properties": plain}


def _in_part(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """The pages of lists that take `fields`, and their rows, of which the id alone is always there."""
    for item in paths.values():
        operation: Json = item.get("get", {})
        if "fields" not in {each.get("name") for each in operation.get("parameters", ())}:
            continue
        page = _name(operation["responses"]["200"]["content"]["application/json"]["schema"])
        if page:
            rows: Json = schemas[page]["properties"]["items"]
            row = _name(rows["items"])
            part = row + IN_PART
            shown = {**rows, "items": {"$ref": f"#/components/schemas/{part}"}}
            always = [name for name in schemas[row]["required"] if name == "id"]
            yield part, {**schemas[row], "title": part, "required": always}
            yield page, {**schemas[page], "properties": {**schemas[page]["properties"], "items": shown}}


def references(content: object) -> Iterator[Component]:
    """The components to which a part of a document refers, as often as it does."""
    if isinstance(content, str):
        found = REFERENCE.fullmatch(content)
        if found is not None:
            yield found[1], found[2]
    elif isinstance(content, Mapping):
        for inner in cast("Mapping[str, object]", content).values():
            yield from references(inner)
    elif isinstance(content, list):
        for inner in cast("list[object]", content):
            yield from references(inner)


def _name(schema: Mapping[str, Any]) -> str:
    """The name of the schema that is referred to; "" where it stands in place."""
    return schema.get("$ref", "").rpartition("/")[2]


def completed_path(path: str, item: Mapping[str, Any], illustrator: Illustrator) -> Json:
    """A path whose operations are described in full."""
    tagged = "304" in item.get("get", {}).get("responses", {})
    return {
        key: _completed(path, key, value, illustrator, tagged=tagged) if key in METHODS else value
        for key, value in item.items()
    }


def _completed(
    path: str, method: str, operation: Mapping[str, Any], illustrator: Illustrator, *, tagged: bool
) -> Json:
    operation = {**operation, "parameters": list(_parameters(path, method, operation))}
    if "requestBody" in operation:
        operation["requestBody"] = _body(method, operation["requestBody"], illustrator)
    told = {status: answer for status, answer in operation["responses"].items() if status[0] in "23"}
    good = {
        status: _good(status, method, path, answer, illustrator, tagged=tagged)
        for status, answer in told.items()
    }
    refused = {
        status: _reference("responses", _SAID[status][0]) for status in _refusals(path, method, operation)
    }
    return {**operation, "summary": _summary(operation), "responses": good | refused}


def _summary(operation: Mapping[str, Any]) -> str:
    """Its own, or the first sentence of the description in place of what FastAPI makes of the route's name."""
    own: str = operation.get("summary", "")
    first = str(operation.get("description", "")).partition(". ")[0].partition("\n")[0].rstrip(".")
    return first if own == operation["operationId"].replace("_", " ").title() and first else own


def _parameters(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[Json]:
    names = {"If-Match", "If-None-Match", "Idempotency-Key", "Accept-Language", "traceparent"}
    given: list[Json] = operation.get("parameters", [])
    yield from (each for each in given if each.get("name") not in names)
    taken = {each.get("name") for each in given}
    if "If-Match" in taken:
        yield _reference("parameters", "IfMatchOfWhatIsThere" if method == "put" else "IfMatch")
    if "304" in operation["responses"] or "If-None-Match" in taken:
        yield _reference("parameters", "IfNothingIsThere" if method == "put" else "IfNoneMatch")
    if writes(path, method):
        yield _reference("parameters", "IdempotencyKey")
    yield _reference("parameters", "AcceptLanguage")
    yield _reference("parameters", "Traceparent")


def writes(path: str, method: str) -> bool:
    """Whether the operation may change something."""
    return method != "get" and not path.endswith(READING_POSTS)


def _refusals(path: str, method: str, operation: Mapping[str, Any]) -> list[str]:
    """The statuses with which the operation may refuse, the lowest first."""
    taken = {(each.get("in"), each.get("name")) for each in operation["parameters"]}
    conditional = {each.get("$ref", "").rpartition("/")[2] for each in operation["parameters"]}
    found: set[str] = {*_ALWAYS}
    if any(place == "path" for place, _ in taken):
        found |= {"404", "422"}
    if any(place == "query" for place, _ in taken):
        found.add("422")
    if "requestBody" in operation:
        found |= {"413", "415", "422"}
    if writes(path, method):
        found |= {"409", "422"}
    if conditional & {"IfMatch", "IfMatchOfWhatIsThere"}:
        found |= {"412", "428"}
    if taken & {("query", "since"), ("query", "as_of")}:
        found.add("410")
    return sorted(found)


def _body(method: str, body: Mapping[str, Any], illustrator: Illustrator) -> Json:
    content: Json = {kind: _illustrated(told, kind, illustrator) for kind, told in body["content"].items()}
    if method == "patch" and "application/json" in content:
        content["application/merge-patch+json"] = content["application/json"]
    return {**body, "content": content}


def _good(
    status: str, method: str, path: str, answer: Mapping[str, Any], illustrator: Illustrator, *, tagged: bool
) -> Json:
    names = ["X-Request-Id", *_RATE]
    content: Mapping[str, Any] = answer.get("content", {})
    if status == "304" or (tagged and method in ("get", "put")) or illustrator.is_row(content):
        names.append("ETag")
    if status in ("201", "202"):
        names.append("Location")
    if writes(path, method):
        names.append("Idempotency-Replayed")
    if path.endswith("/catalog"):
        names.append("Content-Language")
    shown = {kind: _illustrated(told, kind, illustrator) for kind, told in content.items()}
    described = {**answer, "headers": _headers(tuple(names))}
    if status == "304":
        return {key: value for key, value in described.items() if key != "content"}
    return described | ({"content": shown} if shown else {})


def _illustrated(told: Mapping[str, Any], kind: str, illustrator: Illustrator) -> Json:
    if "schema" not in told or not kind.endswith("json") or "example" in told:
        return dict(told)
    return {**told, "example": illustrator.example(told["schema"])}


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _tags(paths: Mapping[str, Any], words: Words) -> list[Json]:
    names = {
        tag for item in paths.values() for operation in item.values() for tag in operation.get("tags", ())
    }
    texts = ((name, words.text("en", "tags", name)) for name in sorted(names))
    return [{"name": name, "description": text.definition if text else name} for name, text in texts]
