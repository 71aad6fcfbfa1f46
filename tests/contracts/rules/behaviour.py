"""Rules of behaviour: what every operation answers to a request that is not as it should be.

Each is a request made from the operation, and the refusal that it has to meet. The caller may do anything.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast
from uuid import uuid4

import httpx

from services.kit.clients import AsyncClient
from tests.contracts.rules.reading import METHODS, Operation

_PROBLEM = ("type", "title", "status", "detail", "instance", "code", "request_id", "errors")
_SLUG = re.compile("[a-z][a-z0-9_]*")
_JSON = {"Content-Type": "application/json"}
_BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


@dataclass(frozen=True)
class Request:
    """What is sent besides the path: `path` stands for the operation's own where it is given.

    `again` are headers that are sent beside others of their name.
    """

    method: str = ""
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    again: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    token: bool = True


Make: TypeAlias = Callable[[Operation], Request | None]


@dataclass(frozen=True, eq=False)
class Refusal:
    """A request by `make` (None where it says nothing about the operation) is refused so, naming the field.

    `flaw` is the code of what is wrong with the field, where others may be wrong with it as well.
    """

    says: str
    make: Make
    status: int
    names: str | None = None
    flaw: str | None = None

    async def broken(self, client: AsyncClient, operation: Operation) -> str | None:
        """What is wrong with the answer, or None."""
        request = self.make(operation)
        if request is None:
            return None
        answer = await sent(client, operation, request)
        if answer.status_code != self.status:
            return f"{operation}: answered {answer.status_code} {answer.text[:200]}"
        if wrong := _unlike_a_problem(answer):
            return f"{operation}: {wrong}"
        named = [(error["field"], error["code"]) for error in answer.json()["errors"]]
        if not any(
            self.names in (None, name) and self.flaw in (None, code) for name, code in named or [("", "")]
        ):
            return f"{operation}: names {named}"
        return None


async def sent(client: AsyncClient, operation: Operation, request: Request) -> httpx.Response:
    """The answer to the request; ids in the path are of nothing that is there."""
    headers = {"Authorization": "Bearer admin"} if request.token else {}
    return await client.request(
        request.method or operation.method.upper(),
        request.path or _filled(operation.path),
        params=dict(request.query) or None,
        headers=[*{**headers, **request.headers}.items(), *request.again.items()],
        content=request.content,
    )


def _filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", lambda _: str(uuid4()), path)


def _unlike_a_problem(answer: httpx.Response) -> str | None:
    if answer.headers.get("content-type") != "application/problem+json":
        return "refuses without a problem"
    told = cast("dict[str, Any]", answer.json())
    if missing := [name for name in _PROBLEM if name not in told]:
        return f"a problem without {', '.join(missing)}"
    if told["status"] != answer.status_code or not _SLUG.fullmatch(told["code"]):
        return f"a problem of status {told['status']} and code {told['code']}"
    if told["request_id"] != answer.headers.get("x-request-id"):
        return "a problem that names another request"
    return None


def _takes_json(operation: Operation) -> bool:
    return operation.json_body is not None


def _with_body(operation: Operation, content: bytes, headers: Mapping[str, str] = _JSON) -> Request | None:
    versioned = {**headers, "If-Match": "*"}
    return Request(headers=versioned, content=content) if _takes_json(operation) else None


def _without_token(operation: Operation) -> Request | None:
    return Request(token=False, content=b"" if operation.bodies else None)


def _unknown_parameter(operation: Operation) -> Request | None:
    if operation.bodies and not _takes_json(operation):
        return Request(query={"no_such": "1"}, headers=_BOUNDARY, content=b"--b--\r\n")
    headers = {"If-Match": "*", **(_JSON if operation.bodies else {})}
    return Request(query={"no_such": "1"}, headers=headers, content=b"{}" if operation.bodies else None)


def _parameter_twice(operation: Operation) -> Request | None:
    once = _unknown_parameter(operation)
    return once and replace(once, path=_filled(operation.path) + "?no_such=1&no_such=2", query={})


def _key_twice(operation: Operation) -> Request | None:
    if operation.method == "get":
        return None
    versioned = {**_JSON, "If-Match": "*", "Idempotency-Key": "one"}
    content = b"{}" if operation.bodies else None
    return Request(headers=versioned, again={"Idempotency-Key": "two"}, content=content)


def _version_twice(operation: Operation) -> Request | None:
    versioned = _misversioned(operation)
    return versioned and replace(versioned, headers={**_JSON, "If-Match": "*"}, again={"If-Match": '"3"'})


def _body_of_none(operation: Operation, content: bytes) -> Request | None:
    if operation.method == "get" or operation.bodies:
        return None
    return Request(headers={**_JSON, "If-Match": "*"}, content=content)


def _unversioned(operation: Operation) -> Request | None:
    if operation.method not in ("patch", "delete"):
        return None
    return Request(headers=_JSON, content=b"{}" if operation.bodies else None)


def _misversioned(operation: Operation) -> Request | None:
    if not operation.takes("header", "if-match") or operation.method not in ("patch", "delete"):
        return None
    return Request(headers={**_JSON, "If-Match": "three"}, content=b"{}" if operation.bodies else None)


def _of_nothing(operation: Operation) -> Request | None:
    return Request() if operation.method == "get" and "{" in operation.path else None


def _id_written(operation: Operation, text: str) -> Request | None:
    if not operation.takes("path", "id"):
        return None
    path = _filled(operation.path.replace("{id}", text))
    headers = {"If-Match": "*", **(_JSON if operation.bodies else {})}
    return Request(path=path, headers=headers, content=b"{}" if operation.bodies else None)


def _other_method(operation: Operation) -> Request | None:
    taken = operation.document["paths"][operation.path].keys()
    # `/accounts/lookup` is also `/accounts/{id}` to a router that looks for any path that takes the method.
    free = [method for method in METHODS if method not in taken and method != "get"]
    if not free or not operation.path.endswith("}") or operation.method != min(taken, key=METHODS.index):
        return None
    return Request(method=free[0].upper())


REFUSALS = (
    Refusal("Nobody without a token is let in", _without_token, 401),
    Refusal("Query parameters that are not known are refused by name", _unknown_parameter, 422, "no_such"),
    Refusal("A query parameter is given once", _parameter_twice, 422, "no_such", "duplicate"),
    Refusal("A key is given once", _key_twice, 422, "Idempotency-Key", "duplicate"),
    Refusal("A version is given once", _version_twice, 422, "If-Match", "duplicate"),
    Refusal(
        "Where no body is read, none is taken",
        lambda each: _body_of_none(each, b'{"owner_id": "x"}'),
        422,
        "body",
    ),
    Refusal("A body without fields is one", lambda each: _body_of_none(each, b"{}"), 422, "body"),
    Refusal("What is no JSON cannot be read", lambda each: _with_body(each, b'{"a": '), 400),
    Refusal(
        "Other media types are not read",
        lambda each: _with_body(each, b"{}", {"Content-Type": "text/plain"}),
        415,
    ),
    Refusal(
        "Unknown fields are refused by name", lambda each: _with_body(each, b'{"no_such": 1}'), 422, "no_such"
    ),
    Refusal("A field is given once", lambda each: _with_body(each, b'{"a": 1, "a": 2}'), 422, "a"),
    Refusal("Bodies beyond 1 MB are too large", lambda each: _with_body(each, b" " * 1_000_001), 413),
    Refusal("Texts hold no NUL", lambda each: _with_body(each, b'{"name": "\\u0000"}'), 422),
    Refusal("Changes say on which version they are made", _unversioned, 428),
    Refusal("A version is a number in quotes", _misversioned, 422, "If-Match"),
    Refusal("What is not there is not found", _of_nothing, 404),
    Refusal("An id is a UUID", lambda each: _id_written(each, "not-an-id"), 422, "id"),
    Refusal("An id is written in one way", lambda each: _id_written(each, f"urn:uuid:{uuid4()}"), 422, "id"),
    Refusal("Other methods are not allowed", _other_method, 405),
)
