"""Asking every service at once for its part of an answer, each within a time budget."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from starlette.types import Scope

from gateway.routes.door import not_allowed
from gateway.routes.forward import asking
from gateway.upstreams import Answer, Upstreams
from gateway.views.parts import Parts, Reason
from services.kit.clients import Trouble
from services.kit.conditional import CACHING

PART_SECONDS: Final = 2.0

# What a service says of the caller or the request holds for the whole answer.
SAYS_NO: Final = frozenset((400, 401, 403, 422))

Answers: TypeAlias = Mapping[str, Answer | Trouble]


async def asked_at_once(
    upstreams: Upstreams, parts: Parts, target: str, scope: Scope, seconds: float
) -> Answers:
    """What each service answers to the target on the caller's behalf. Raises MethodNotAllowed for what is no read."""
    if scope["method"] not in ("GET", "HEAD"):
        raise not_allowed(("GET", "HEAD"))
    headers = asking(scope)
    asked = (upstreams.ask(part, target, headers, seconds=seconds) for part in parts.keys)
    return dict(zip(parts.keys, await asyncio.gather(*asked), strict=True))


def refusal_among(answers: Iterable[Answer | Trouble]) -> Answer | None:
    """The first answer that refuses the caller or the request."""
    return next((each for each in answers if isinstance(each, Answer) and each.status in SAYS_NO), None)


def part_of(parts: Parts, part: str, answer: Answer | Trouble) -> bytes | Reason:
    """The part's object, or why there is none."""
    if isinstance(answer, str):
        return answer
    if answer.status == 404:
        return "not_yet"
    usable = (
        answer.status == 200 and answer.media_type == "application/json" and parts.holds(part, answer.body)
    )
    return answer.body if usable else "error"


def tagged(tag: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that callers may keep under the tag."""
    return [(b"etag", tag.encode()), (b"cache-control", CACHING.encode())]


def described(body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a JSON body."""
    return [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]


def lines_of(scope: Scope, name: bytes) -> list[str]:
    """The headers of that name (in lower case)."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key == name]
