"""Tricks: from a random operation of the document to a request that nobody well-behaved would send."""

import base64
import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from tests.contracts.rules.reading import Operation, alternatives, operations
from tests.fuzz.uploads import upload
from tests.fuzz.wire import Hostile

_NUMBERS = ("0", "-1", "1" + "0" * 400, "1e999", "-9223372036854775809", "NaN", "0x10", "٣", "1.5", "")
_TEXTS = (
    "", " ", "\x00", "a\x00b", "' OR 1=1 --", "%", "\\", "{{7*7}}", "${jndi:x}", "\u202e", "\ud83d", "A" * 5000,
    "../../etc/passwd", "<script>", "null", "true", "𝕏" * 300, "%s%n", "\r\nX-Evil: 1",
)  # fmt: skip
_VALUES: Sequence[Any] = (
    None, True, 0, -1, 2**53, 2**63, 10**400, 1.5, "", "x", "\x00", [], {}, [[]], [None], {"": None}, "2026-13-45",
    "0000-00-00", "9999-12-31T23:59:59+14:00", "2026-01-01T00:00:00", str(uuid.UUID(int=0)), "A" * 100_000,
)  # fmt: skip
_PATHS = (
    b"/v1/../metrics", b"/v1/%2e%2e/readyz", b"/v1//accounts", b"/v1/accounts/", b"/v1/accounts%2f",
    b"/v1/accounts;a=b", b"/v1/accounts/%00", b"/v1/accounts/%ff%fe", b"/v1/accounts/.", b"/V1/accounts",
    b"/v1/accounts/%5c..%5c", b"/v1/" + b"a" * 9000, b"/v1/accounts/\xc3\xa9", b"http://evil.test/v1/me", b"*",
    b"/v1/accounts?%zz=%", b"/v1/accounts?" + b"a=1&" * 3000, b"/v1/accounts#x", b"/v1/accounts/%252e%252e", b"/v1",
)  # fmt: skip
_METHODS = ("TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "POST", "DELETE", "PUT", "HEAD", "X" * 100)
_JSON = (b"Content-Type", b"application/json")


def _bearer(token: str) -> tuple[bytes, bytes]:
    return (b"Authorization", b"Bearer " + token.encode())


@dataclass(eq=False)
class Tricks:
    """Makes requests from a seed. `token` is a good one, `importer` that of somebody who may import; `ids` are of rows
    that the caller may not see.

    `cursors` are tokens of pages that somebody else was given, `feeds` those of feeds.
    """

    document: Mapping[str, Any]
    token: str
    importer: str
    ids: Sequence[str]
    cursors: Sequence[str]
    feeds: Sequence[str]
    chance: random.Random
    _operations: Sequence[Operation] = field(init=False)

    def __post_init__(self) -> None:
        told = operations(self.document)
        self._operations = [each for each in told if not each.path.endswith(("/stream", "/imports"))]

    def request(self) -> Hostile:
        """The next one."""
        trick = self.chance.choice(_TRICKS)
        made = trick(self, self.chance.choice(self._operations))
        return replace(made, kind=trick.__name__.strip("_"), no_http=trick in _NO_HTTP)

    def plain(self, operation: Operation, body: bytes = b"", query: str = "") -> Hostile:
        """The operation as it might be asked, of a row that is not the caller's."""
        target = operation.path
        for place, name in operation.parameters:
            if place == "path":
                target = target.replace(f"{{{name}}}", self.chance.choice([*self.ids, str(uuid.uuid4())]))
        headers = [_bearer(self.token), (b"If-Match", b"*")]
        if body:
            headers.append(_JSON)
        full = target + (f"?{query}" if query else "")
        return Hostile("plain", operation.method.upper(), full.encode(), headers, body)

    def body(self, operation: Operation) -> dict[str, Any]:
        """A body that may be good, its values of the right names."""
        fields = (operation.json_body or {}).get("properties", {})
        return {name: self.value(operation, told) for name, told in fields.items()}

    def value(self, operation: Operation, told: Mapping[str, Any]) -> Any:
        """A value that the schema may let in, or one of the hostile ones."""
        choices = list(alternatives(operation.document, told))
        if not choices or self.chance.random() < 0.3:
            return self.chance.choice(_VALUES)
        chosen = self.chance.choice(choices)
        if "enum" in chosen:
            return self.chance.choice(chosen["enum"])
        plain: dict[str, Any] = {"integer": 1, "boolean": True, "array": [], "object": {}}
        if chosen.get("format") == "uuid":
            return self.chance.choice(self.ids)
        return plain.get(chosen.get("type", ""), "text")


def _wrong_values(tricks: Tricks, operation: Operation) -> Hostile:
    body = json.dumps(tricks.body(operation), ensure_ascii=tricks.chance.random() < 0.5)
    return tricks.plain(operation, body.encode("utf-8", "surrogatepass"))


def _no_object(tricks: Tricks, operation: Operation) -> Hostile:
    return tricks.plain(operation, json.dumps(tricks.chance.choice(_VALUES)).encode())


def _deep(tricks: Tricks, operation: Operation) -> Hostile:
    depth = tricks.chance.choice((33, 1000, 100_000))
    opened, closed = tricks.chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return tricks.plain(operation, opened * depth + b"1" + closed * depth)


def _twice(tricks: Tricks, operation: Operation) -> Hostile:
    name = json.dumps(next(iter((operation.json_body or {}).get("properties", {})), "name"))
    return tricks.plain(operation, f"{{{name}: 1, {name}: 2}}".encode())


def _odd_encoding(tricks: Tricks, operation: Operation) -> Hostile:
    text = json.dumps({"name": "x"})
    bodies = (
        text.encode("utf-16"),
        b"\xef\xbb\xbf" + text.encode(),
        b'{"name": "\xff\xfe"}',
        b"\x1f\x8b\x08",
        b"\x00",
    )
    made = tricks.plain(operation, tricks.chance.choice(bodies))
    kinds = (
        b"application/json; charset=utf-16",
        b"text/plain",
        b"",
        b"application/xml",
        b"multipart/form-data",
    )
    extra = ((b"Content-Type", tricks.chance.choice(kinds)), (b"Content-Encoding", b"gzip"))
    return replace(made, headers=[*made.headers, tricks.chance.choice(extra)])


def _query(tricks: Tricks, operation: Operation) -> Hostile:
    names = [name for place, name in operation.parameters if place == "query"] or ["x"]
    chosen = [tricks.chance.choice(names) for _ in range(tricks.chance.randint(1, 4))]
    values = [tricks.chance.choice((*_TEXTS, *_NUMBERS)) for _ in chosen]
    told = "&".join(
        f"{quote(n)}={quote(v, errors='surrogatepass')}" for n, v in zip(chosen, values, strict=True)
    )
    return tricks.plain(operation, query=told)


def _others_cursor(tricks: Tricks, operation: Operation) -> Hostile:
    name = tricks.chance.choice(("cursor", "since"))
    cursor = tricks.chance.choice(tricks.cursors)
    if tricks.chance.random() < 0.5:
        place = tricks.chance.randrange(len(cursor))
        cursor = cursor[:place] + tricks.chance.choice("AZaz09-_=") + cursor[place + 1 :]
    return tricks.plain(operation, query=f"{name}={quote(cursor)}")


def _others_feed(tricks: Tricks, _: Operation) -> Hostile:
    token = quote(tricks.chance.choice(tricks.feeds))
    target = f"/v1/changes?since={token}&limit={tricks.chance.choice((1, 200))}"
    return Hostile("", "GET", target.encode(), [_bearer(tricks.token)])


def _stream(tricks: Tricks, _: Operation) -> Hostile:
    token = tricks.chance.choice(tricks.feeds).encode()
    feeds = (token, token[:-3], token * 50, b"", b"0", b"\xff\xfe", b"a b", b"9" * 400)
    last = [(b"Last-Event-ID", tricks.chance.choice(feeds)) for _ in range(tricks.chance.randint(0, 2))]
    accept = tricks.chance.choice((b"text/event-stream", b"application/json", b"*/*;q=0", b"\xff"))
    bearer = (
        tricks.token.encode() if tricks.chance.random() < 0.8 else tricks.chance.choice(_FORGERIES)(tricks)
    )
    query = tricks.chance.choice(("", f"?since={quote(token)}", "?since=&since=", "?wait=1", "?since=%00"))
    method = tricks.chance.choice(("GET", "GET", "GET", "HEAD", "POST", "DELETE"))
    headers = [(b"Authorization", b"Bearer " + bearer), (b"Accept", accept), *last]
    return Hostile("", method, f"/v1/stream{query}".encode(), headers, hears=tricks.chance.uniform(0.0, 0.6))


def _upload(tricks: Tricks, _: Operation) -> Hostile:
    """What an import could begin with is tried dry: it is read and checked, and writes nothing."""
    made = upload(tricks.chance)
    dry = b"" if made.broken else b"?dry_run=true"
    headers = [_bearer(tricks.importer), (b"Content-Type", made.kind)]
    if tricks.chance.random() < 0.1:
        headers.append((b"Content-Encoding", tricks.chance.choice((b"gzip", b"br"))))
    pause = tricks.chance.choice((0.0, 0.0, 0.0, 0.3))
    target = f"/v1/{made.noun}/imports".encode() + dry
    return Hostile("", "POST", target, headers, made.body, pause=pause, refused=made.broken)


def _cut_upload(tricks: Tricks, operation: Operation) -> Hostile:
    return replace(_upload(tricks, operation), cut=True)


def _upload_of_a_stranger(tricks: Tricks, operation: Operation) -> Hostile:
    made = _upload(tricks, operation)
    return replace(made, headers=[_bearer(tricks.token), *made.headers[1:]], refused=True)


def _path(tricks: Tricks, operation: Operation) -> Hostile:
    return replace(tricks.plain(operation), target=tricks.chance.choice(_PATHS))


def _method(tricks: Tricks, operation: Operation) -> Hostile:
    return replace(tricks.plain(operation), method=tricks.chance.choice(_METHODS))


def _headers(tricks: Tricks, operation: Operation) -> Hostile:
    floods: Sequence[Sequence[tuple[bytes, bytes]]] = (
        [(b"X-%d" % number, b"a" * 20) for number in range(300)],
        [(b"X-Long", b"a" * 60_000)],
        [(b"Authorization", b"Bearer other")],
        [(b"If-Match", tricks.chance.choice((b'"1', b'"99999999999999999999"', b'W/"1", "2"', b"\xff")))],
        [(b"If-None-Match", tricks.chance.choice((b'"1', b"*, *", b'W/""', b"," * 5000)))],
        [(b"Idempotency-Key", tricks.chance.choice((b"", b"a" * 300, b"\x07", b"k\xc3\xa9y")))],
        [(b"traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-zz")],
        [(b"X-Request-Id", b"../../" + b"a" * 500)],
        [(b"Accept-Language", b"zh;q=x, *;q=" + b"9" * 400)],
        [(b"Transfer-Encoding", b"chunked")],
        [(b"Expect", b"100-continue")],
        [(b"Last-Event-ID", b"\xff\xff")],
    )
    made = tricks.plain(operation)
    return replace(made, headers=[*made.headers, *tricks.chance.choice(floods)])


def _length(tricks: Tricks, operation: Operation) -> Hostile:
    told = tricks.chance.choice((b"-1", b"1e3", b"99999999999999999999", b"+5", b"0"))
    return replace(tricks.plain(operation, b'{"a": 1}'), length=told)


def _slow(tricks: Tricks, operation: Operation) -> Hostile:
    return replace(tricks.plain(operation, b'{"name": "slow"}'), pause=tricks.chance.uniform(0.05, 0.5))


def _forged(tricks: Tricks, operation: Operation) -> Hostile:
    token = tricks.chance.choice(_FORGERIES)(tricks)
    made = tricks.plain(operation)
    kept = [(name, value) for name, value in made.headers if name != b"Authorization"]
    return replace(made, headers=[*kept, (b"Authorization", b"Bearer " + token)])


def _unsigned(tricks: Tricks) -> bytes:
    _, claims, _ = tricks.token.split(".")
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{claims}.".encode()


def _symmetric(tricks: Tricks) -> bytes:
    head, claims, signature = tricks.token.split(".")
    told = json.loads(base64.urlsafe_b64decode(head + "=="))
    return f"{_part({**told, 'alg': 'HS256'})}.{claims}.{signature}".encode()


def _promoted(tricks: Tricks) -> bytes:
    head, claims, signature = tricks.token.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{head}.{_part({**told, 'roles': ['admin']})}.{signature}".encode()


def _of_another_key(tricks: Tricks) -> bytes:
    _, claims, signature = tricks.token.split(".")
    return f"{_part({'alg': 'ES256', 'kid': str(tricks.chance.random())})}.{claims}.{signature}".encode()


def _garbage(tricks: Tricks) -> bytes:
    return tricks.chance.choice((b"", b"a.b.c", b"..", b"A" * 20_000, b"\xff\xfe", b"e30.e30.e30", b"null"))


def _part(told: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()


_FORGERIES: Sequence[Callable[[Tricks], bytes]] = (
    _unsigned,
    _symmetric,
    _promoted,
    _of_another_key,
    _garbage,
)
_TRICKS: Sequence[Callable[[Tricks, Operation], Hostile]] = (
    _wrong_values, _wrong_values, _wrong_values, _no_object, _deep, _twice, _odd_encoding, _query, _query,
    _others_cursor, _others_feed, _path, _method, _headers, _length, _slow, _forged, _stream, _upload, _upload,
    _cut_upload, _upload_of_a_stranger,
)  # fmt: skip

_NO_HTTP = frozenset((_headers, _length, _cut_upload))
"""Tricks that break HTTP itself, by a flood of fields, a length that frames nothing or a body that ends too soon:
whoever listens may hang up.

Every other is answered.
"""
