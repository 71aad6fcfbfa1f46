"""`GET /v1/changes`: what has changed for the caller in all services, under one token."""

import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.feeds import Feeds, Headers, Reading, Refused
from gateway.routes.door import Passed, not_allowed
from gateway.routes.forward import asking, back, send_whole
from gateway.upstreams import SERVICES, Answer
from gateway.views.changes import joined, opened
from gateway.watch import Watch
from services.kit.asking import known_once
from services.kit.grammar import DEFAULT_LIMIT, MAX_LIMIT
from services.kit.growth import MAX_WAIT
from services.kit.problems import SOON, FieldError, Invalid, Unavailable

_DEFAULTS = {"limit": DEFAULT_LIMIT, "wait": 0}
_RANGES = {"limit": range(1, MAX_LIMIT + 1), "wait": range(MAX_WAIT + 1)}


class Changes:
    """Asks every service's feed, and waits for news of any where the caller has time."""

    def __init__(self, feeds: Feeds, watch: Watch) -> None:
        self._feeds, self._watch = feeds, watch

    async def __call__(self, _passed: Passed, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request that the door let in. Raises Invalid, and Unavailable when no token can be given."""
        if scope["method"] not in ("GET", "HEAD"):
            raise not_allowed(("GET", "HEAD"))
        asked = _asked(scope["query_string"])
        try:
            with self._watch.held():
                body = await self._answer(asked, asking(scope))
        except Refused as refused:
            await send_refusal(send, refused.answer)
            return
        length = (b"content-length", str(len(body)).encode())
        await send_whole(send, 200, [(b"content-type", b"application/json"), length], body)

    async def _answer(self, asked: "_Asked", headers: Headers) -> bytes:
        until = time.monotonic() + asked.wait
        reading = Reading(headers, opened(asked.since) if asked.since is not None else {})
        pages, absent = await self._feeds.read(reading, SERVICES, asked.limit)
        if len(reading.tokens) < len(SERVICES) or not pages:
            raise away([each.part for each in absent])
        missing = {each.part: each for each in absent}
        while not any(page.items or page.more for page in pages.values()):
            left = until - time.monotonic()
            if left <= 0 or self._watch.ended or asked.since is None:
                break
            if due := self._feeds.due(reading):
                pages, absent = await self._feeds.read(reading, due, asked.limit)
                # Who was missing is so until it has been read.
                missing = {part: each for part, each in missing.items() if part not in pages}
                missing |= {each.part: each for each in absent}
            else:
                await self._watch.moved(left, self._watch.moves)
        return joined(pages, reading.tokens, list(missing.values()))


@dataclass(frozen=True, slots=True)
class _Asked:
    since: str | None
    limit: int
    wait: int


def _asked(query: bytes) -> _Asked:
    """The query's parameters. Raises Invalid naming each that is wrong."""
    errors: list[FieldError] = []
    said = "is not known here; known are limit, since, wait"
    told = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = known_once(told, ("since", *_DEFAULTS), said, errors)
    numbers = {name: _number(name, given.get(name), errors) for name in _DEFAULTS}
    if errors:
        raise Invalid(errors)
    return _Asked(given.get("since"), numbers["limit"], numbers["wait"])


def _number(name: str, text: str | None, errors: list[FieldError]) -> int:
    if text is None:
        return _DEFAULTS[name]
    allowed = _RANGES[name]
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) in allowed):
        said = f"must be a whole number from {allowed[0]} to {allowed[-1]}"
        errors.append(FieldError(name, "range", said))
        return _DEFAULTS[name]
    return int(text)


def away(services: list[str]) -> Unavailable:
    """The refusal while services are away without which there is no token."""
    said = f"Of these services there is no answer now: {', '.join(services)}; try again."
    return Unavailable("upstream_unreachable", said, headers=SOON)


async def send_refusal(send: Send, answer: Answer) -> None:
    """Hands a service's refusal on as it is."""
    await send_whole(send, answer.status, back(answer.headers), answer.body)
