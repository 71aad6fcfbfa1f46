"""Rules of answers: what they show, under which headers, and how they refuse."""

from collections.abc import Iterator
from typing import Any

from tests.contracts.rules.reading import Operation, followed, properties
from tests.contracts.rules.rule import Rule

_STAMPS = ("version", "created_at", "created_by", "updated_at", "updated_by")
_PROBLEM = "application/problem+json"
_ALWAYS = ("400", "401", "403", "408", "414", "429", "431", "503", "504")
_WAITING = ("429", "503")


def _refusals(operation: Operation) -> Iterator[str]:
    refusing = {status: told for status, told in operation.answers.items() if status[0] in "45d"}
    for status, told in refusing.items():
        if _PROBLEM not in told.get("content", {}):
            yield f"{status} is no problem"
    if operation.path.startswith("/v1/"):
        yield from (f"does not tell of {status}" for status in _expected(operation) if status not in refusing)


def _expected(operation: Operation) -> Iterator[str]:
    yield from _ALWAYS
    if any(place == "path" for place, _ in operation.parameters):
        yield "404"
    if operation.bodies:
        yield from ("413", "415", "422")
    elif any(place == "query" for place, _ in operation.parameters):
        yield "422"
    if operation.takes("header", "if-match"):
        yield "412"
    if operation.method in ("patch", "delete"):
        yield "428"
    if operation.writes:
        yield "409"
    if operation.takes("query", "since") or operation.takes("query", "as_of"):
        yield "410"


def _current(operation: Operation) -> Iterator[str]:
    told = operation.answers.get("412", {})
    schema = followed(operation.document, told).get("content", {}).get(_PROBLEM, {}).get("schema", {})
    if told and "current" not in followed(operation.document, schema).get("properties", {}):
        yield "412 shows no present state"


def _counted(operation: Operation) -> Iterator[str]:
    if not operation.path.startswith("/v1/"):
        return
    for status in (*operation.good, *_WAITING):
        missing = {"ratelimit", "ratelimit-policy"} - _headers(operation, operation.answers.get(status, {}))
        yield from (f"{status} has no {name}" for name in sorted(missing))


def _patient(operation: Operation) -> Iterator[str]:
    if not operation.path.startswith("/v1/"):
        return
    for status in (*_WAITING, *(["409"] if operation.writes else [])):
        if "retry-after" not in _headers(operation, operation.answers.get(status, {})):
            yield f"{status} has no Retry-After"


def _secured(operation: Operation) -> Iterator[str]:
    if not operation.path.startswith("/v1/"):
        return
    schemes = operation.document["components"].get("securitySchemes", {})
    ways = [schemes.get(name, {}) for way in operation.told.get("security", ()) for name in way]
    if not any(way.get("scheme") == "bearer" for way in ways):
        yield "asks for no token"
    if not any(way.get("openIdConnectUrl", "").endswith("/openid-configuration") for way in ways):
        yield "does not say where tokens come from"


def _tagged(operation: Operation) -> Iterator[str]:
    if not operation.is_row:
        return
    for status, told in operation.good.items():
        if "etag" not in _headers(operation, told):
            yield f"{status} has no ETag"
    if "304" not in operation.answers:
        yield "does not tell of 304"


def _located(operation: Operation) -> Iterator[str]:
    made = operation.good.get("201")
    if made is not None and "location" not in _headers(operation, made):
        yield "201 has no Location"


def _identified(operation: Operation) -> Iterator[str]:
    for status, told in operation.good.items():
        if "x-request-id" not in _headers(operation, told):
            yield f"{status} has no X-Request-Id"


def _stamped(operation: Operation) -> Iterator[str]:
    if operation.is_row and "id" in operation.fields:
        yield from (f"shows no {name}" for name in _STAMPS if name not in operation.fields)


def _paged(operation: Operation) -> Iterator[str]:
    if "items" in operation.fields and operation.is_list:
        told = operation.fields["next_cursor"]
        if {"type": "null"} not in told.get("anyOf", ()) and "null" not in told.get("type", ()):
            yield "next_cursor is never null"


def _money(operation: Operation) -> Iterator[str]:
    for where, name, told in properties(operation.document, operation.shown):
        if name == "amount" and told.get("type") != "integer":
            yield f"{where} is not in whole minor units"
    if "amount" in operation.fields and "currency" not in operation.fields:
        yield "shows an amount of no currency"


def _described(operation: Operation) -> Iterator[str]:
    for part in ("summary", "description", "tags"):
        if not operation.told.get(part):
            yield f"has no {part}"


def _exemplified(operation: Operation) -> Iterator[str]:
    bodies = [followed(operation.document, operation.told.get("requestBody", {})), *operation.good.values()]
    for told in bodies:
        for kind, content in told.get("content", {}).items():
            if kind.endswith("json") and not {"example", "examples"} & content.keys():
                yield f"has no example in {kind}"


def _complete(operation: Operation) -> Iterator[str]:
    """A row of its own has a history, can be deleted and restored, and is put by its id in another system."""
    if not operation.is_row or "id" not in operation.fields or operation.segments[-1] == "relationship":
        return
    if not operation.sibling(f"{operation.path}/history", "get"):
        yield "has no history"
    if operation.sibling(operation.path, "patch"):
        if not operation.sibling(operation.path, "delete"):
            yield "cannot be deleted"
        if not operation.sibling(f"{operation.path}/restoration", "post"):
            yield "cannot be restored"
    if "external_ids" in operation.fields:
        noun = operation.segments[0]
        if not operation.sibling(f"/v1/{noun}/by-external-id/{{source}}/{{external_id}}", "put"):
            yield "cannot be put by its external id"


def _headers(operation: Operation, told: Any) -> set[str]:
    return {name.lower() for name in followed(operation.document, told).get("headers", {})}


def _unheaded(operation: Operation, name: str) -> None:
    for told in operation.good.values():
        answer: Any = told
        answer["headers"] = {n: h for n, h in answer.get("headers", {}).items() if n.lower() != name}


def _unwaited(operation: Operation) -> None:
    shared: Any = operation.answers["503"]
    del shared["headers"]["Retry-After"]


def _unshown(operation: Operation) -> None:
    shared: Any = operation.document["components"]["schemas"]["Problem"]["properties"]
    del shared["current"]


def _undiscovered(operation: Operation) -> None:
    schemes: Any = operation.document["components"]["securitySchemes"]
    for told in schemes.values():
        told.pop("openIdConnectUrl", None)


def _unsaid(operation: Operation, told: dict[str, Any], status: str) -> None:
    told["responses"] = {code: answer for code, answer in operation.answers.items() if code != status}


def _forgotten(operation: Operation) -> None:
    paths: Any = operation.document["paths"]
    paths.pop(f"{operation.path}/history", None)


def _unillustrated(operation: Operation) -> None:
    for told in operation.good.values():
        for content in told.get("content", {}).values():
            content.pop("example", None)
            content.pop("examples", None)


def _unstamped(operation: Operation) -> None:
    fields: Any = operation.fields
    fields.pop("updated_by")


def _in_floats(operation: Operation) -> None:
    fields: Any = operation.fields
    fields["amount"] = {"type": "number"}


def _never_null(operation: Operation) -> None:
    fields: Any = operation.fields
    fields["next_cursor"] = {"type": "string"}


def _patches(operation: Operation) -> bool:
    return operation.method == "patch"


def _anything(_: Operation) -> bool:
    return True


def _looks_back(operation: Operation) -> bool:
    return operation.takes("query", "since")


def _reads_a_row(operation: Operation) -> bool:
    return operation.is_row and "id" in operation.fields


ANSWERS = (
    Rule("Refusals are problems, and told", _refusals, _patches, lambda e, told: _unsaid(e, told, "412")),
    Rule(
        "Addresses, heads and bodies have bounds",
        _refusals,
        _anything,
        lambda e, told: _unsaid(e, told, "431"),
    ),
    Rule("What is too old is gone", _refusals, _looks_back, lambda e, told: _unsaid(e, told, "410")),
    Rule("Who was too late is shown what is there", _current, _patches, lambda e, _: _unshown(e)),
    Rule("Answers say what is left of a rate", _counted, _patches, lambda e, _: _unheaded(e, "ratelimit")),
    Rule("Who is to wait is told how long", _patient, _patches, lambda e, _: _unwaited(e)),
    Rule("Every operation asks for a token", _secured, _patches, lambda _, told: told.pop("security")),
    Rule("It is said where tokens come from", _secured, _patches, lambda e, _: _undiscovered(e)),
    Rule("Rows have an ETag", _tagged, _reads_a_row, lambda e, _: _unheaded(e, "etag")),
    Rule(
        "What is new says where it is",
        _located,
        lambda e: "201" in e.good,
        lambda e, _: _unheaded(e, "location"),
    ),
    Rule("Answers name their request", _identified, _patches, lambda e, _: _unheaded(e, "x-request-id")),
    Rule("Rows are stamped", _stamped, _reads_a_row, lambda e, _: _unstamped(e)),
    Rule("The last page says so", _paged, lambda e: e.is_list, lambda e, _: _never_null(e)),
    Rule("Money is whole minor units of a currency", _money, _reads_a_row, lambda e, _: _in_floats(e)),
    Rule("Operations are described", _described, _patches, lambda _, told: told.pop("summary")),
    Rule("Bodies have examples", _exemplified, _reads_a_row, lambda e, _: _unillustrated(e)),
    Rule("A row has all that rows have", _complete, _reads_a_row, lambda e, _: _forgotten(e)),
)
