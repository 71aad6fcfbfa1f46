"""Answers made of every service's part: asked at once, each within a time budget, and shown with a tag."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from starlette.types import Receive, Scope, Send

from gateway.routes.door import Passed, Room, not_allowed
from gateway.routes.forward import asking, back, send_whole
from gateway.upstreams import Answer, Upstreams
from gateway.views.parts import Given, Parts, Reason
from services.kit.clients import Trouble
from services.kit.clock import now
from services.kit.conditional import CACHING, has

PART_SECONDS: Final = 2.0

# What a service says of the caller or the request holds for the whole answer.
SAYS_NO: Final = frozenset((400, 401, 403, 422))


class Whole(NamedTuple):
    """An answer made of its parts: JSON bytes, and the tag under which callers may keep them."""

    body: bytes
    tag: str


class Composed:
    """Asks every service for its part of one answer; `compose` makes it of what is given, as of a moment.

    What is no read goes to `writes`, where the path's owner takes some.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        parts: Parts,
        compose: Callable[[Given, datetime], Whole],
        *,
        part_seconds: float = PART_SECONDS,
        writes: Room | None = None,
    ) -> None:
        self._upstreams, self._parts, self._compose = upstreams, parts, compose
        self._seconds, self._writes = part_seconds, writes

    async def __call__(self, passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        """One request that the door let in. Raises MethodNotAllowed, and what `compose` raises."""
        if scope["method"] not in ("GET", "HEAD"):
            if self._writes is None:
                raise not_allowed(("GET", "HEAD"))
            await self._writes(passed, scope, receive, send)
            return
        as_of = now()
        answers = await self._asked(passed.target, scope)
        if refusal := _refusal_among(answers.values()):
            await send_whole(send, refusal.status, back(refusal.headers), refusal.body)
            return
        given: Given = {part: _given(self._parts, part, answer) for part, answer in answers.items()}
        body, tag = self._compose(given, as_of)
        if has(lines_of(scope, b"if-none-match"), tag):
            await send_whole(send, 304, _tagged(tag), b"")
        else:
            await send_whole(send, 200, [*_described(body), *_tagged(tag)], body)

    async def _asked(self, target: str, scope: Scope) -> Mapping[str, Answer | Trouble]:
        headers = asking(scope)
        asked = (
            self._upstreams.ask(part, target, headers, seconds=self._seconds) for part in self._parts.keys
        )
        return dict(zip(self._parts.keys, await asyncio.gather(*asked), strict=True))


def _refusal_among(answers: Iterable[Answer | Trouble]) -> Answer | None:
    """The first answer that refuses the caller or the request."""
    return next((each for each in answers if isinstance(each, Answer) and each.status in SAYS_NO), None)


def _given(parts: Parts, part: str, answer: Answer | Trouble) -> bytes | Reason:
    """The part's object, or why there is none."""
    if isinstance(answer, str):
        return answer
    if answer.status == 404:
        return "not_yet"
    usable = (
        answer.status == 200 and answer.media_type == "application/json" and parts.holds(part, answer.body)
    )
    return answer.body if usable else "error"


def _tagged(tag: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that callers may keep under the tag."""
    return [(b"etag", tag.encode()), (b"cache-control", CACHING.encode())]


def _described(body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a JSON body."""
    return [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]


def lines_of(scope: Scope, name: bytes) -> list[str]:
    """The headers of that name (in lower case)."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key == name]
