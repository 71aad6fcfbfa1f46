"""`GET /v1/stream`: the feed of changes pushed, as server-sent events.

A listener that has nothing to hear costs its connection and little more: one watch tells all of them that something is
new (`gateway.watch`), and only then each asks with its own token, some few at a time. What a listener does not read is
not asked for: it is one page behind at the most, and let go of when it does not read for long.
"""

import asyncio
import base64
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, Self
from urllib.parse import parse_qsl

import orjson
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from gateway.feeds import Feeds, Reading, Refused
from gateway.routes.changes import away, send_refusal
from gateway.routes.door import Passed, not_allowed
from gateway.routes.forward import asking, send_whole
from gateway.upstreams import SERVICES
from gateway.views.changes import closed, opened
from gateway.watch import Watch
from services.kit.asking import known_once
from services.kit.grammar import DEFAULT_LIMIT
from services.kit.membership import MEMBER_FOR
from services.kit.problems import SOON, FieldError, Invalid, Unavailable
from services.kit.telemetry import header_of

BEAT: Final = 15.0
"""Seconds after which a listener that has heard nothing hears that it still listens."""

UNREAD: Final = 10.0
"""Seconds for which what is sent may remain unread."""

MOST: Final = 5_000
"""Listeners of one process."""

RETRY: Final = 2_000
"""Milliseconds after which a listener that was let go of comes back."""

SETTLED: Final = 2 * MEMBER_FOR
"""Seconds after which no service remembers who a caller was before the stream began: then each is asked once more."""

TICK: Final = 1.0
"""Seconds after which all are looked at though there is nothing new: whose token expires, who is to hear a beat."""

_TOGETHER: Final = 0.1  # News of so many seconds reach a listener by one question.
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(eq=False, slots=True)
class _Listener:
    """Somebody who listens: how far they have read, until when they may, and whether they are being attended to."""

    send: Send
    reading: Reading
    expires: float
    over: "asyncio.Future[None]"
    beat_at: float = field(default_factory=lambda: time.monotonic() + BEAT)
    settled_at: float = field(default_factory=lambda: time.monotonic() + SETTLED)
    busy: bool = True

    async def put(self, *, event: str | None = None, data: bytes | None = None, **more: Any) -> None:
        """Sends an event; who does not read is let go of."""
        if self.over.done():
            return
        told = format_sse_event(event=event, data_str=data.decode() if data else None, id=self.token, **more)
        try:
            async with asyncio.timeout(UNREAD):
                await self.send({"type": "http.response.body", "body": told, "more_body": True})
        except TimeoutError:
            self.leave()
        self.beat_at = time.monotonic() + BEAT

    @property
    def token(self) -> str:
        return closed(self.reading.tokens)

    def leave(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def settle(self) -> None:
        """Has every service asked once more, as soon as it judges by what is true by now."""
        if time.monotonic() >= self.settled_at:
            self.settled_at = inf
            self.reading.seen.clear()


class Stream:
    """Pushes to all who listen. Use it as a context."""

    def __init__(self, feeds: Feeds, watch: Watch, *, tick: float = TICK) -> None:
        self._feeds, self._watch, self._tick = feeds, watch, tick
        self._listeners: set[_Listener] = set()
        self._doing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listening = asyncio.Event()
        self._pushing = asyncio.create_task(self._push(), name="stream")
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._pushing, *self._doing):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def __call__(self, _passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        """One request that the door let in. Raises Invalid and Unavailable as long as nothing is sent."""
        if scope["method"] not in ("GET", "HEAD"):
            raise not_allowed(("GET", "HEAD"))
        since = _since(scope)
        if len(self._listeners) >= MOST or self._watch.ended:
            raise Unavailable("too_many_listeners", "This process has no room for a listener.", headers=SOON)
        reading = Reading(asking(scope), opened(since) if since is not None else {})
        if since is None:
            try:
                _, missing = await self._feeds.read(reading, SERVICES, DEFAULT_LIMIT)
            except Refused as refused:
                await send_refusal(send, refused.answer)
                return
            if missing:
                raise away([each.part for each in missing])
        if scope["method"] == "HEAD":
            await send_whole(send, 200, _HEADERS, b"")
            return
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        over = asyncio.get_running_loop().create_future()
        await self._serve(_Listener(send, reading, _expiry(scope), over), receive)

    async def _serve(self, listener: _Listener, receive: Receive) -> None:
        with self._watch.held():
            self._listeners.add(listener)
            leaving = asyncio.create_task(_left(receive, listener))
            try:
                await listener.put(event="changes", data=b'{"items":[]}', retry=RETRY)
                listener.busy = False
                self._listening.set()
                await listener.over
            finally:
                self._listeners.discard(listener)
                leaving.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await listener.send({"type": "http.response.body", "body": b""})

    async def _push(self) -> None:
        """Has those who are due asked for, and sees to it that each hears something now and then."""
        while True:
            if not self._listeners:
                self._listening.clear()
                await self._listening.wait()
            moves = self._watch.moves
            for listener in list(self._listeners):
                self._attend(listener)
            await asyncio.sleep(_TOGETHER)
            await self._watch.moved(self._tick, moves)

    def _attend(self, listener: _Listener) -> None:
        listener.settle()
        if self._watch.ended or time.time() >= listener.expires:
            listener.leave()
        elif not listener.busy and self._feeds.due(listener.reading):
            self._do(listener, self._catch_up(listener))
        elif not listener.busy and time.monotonic() >= listener.beat_at:
            self._do(listener, listener.put(comment="still here"))

    def _do(self, listener: _Listener, work: Coroutine[Any, Any, None]) -> None:
        listener.busy = True
        task = asyncio.create_task(work)
        self._doing.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._doing.discard(task)
            listener.busy = False
            if not task.cancelled() and task.exception() is not None:
                listener.leave()

        task.add_done_callback(done)

    async def _catch_up(self, listener: _Listener) -> None:
        while not listener.over.done() and (due := self._feeds.due(listener.reading)):
            try:
                pages, _ = await self._feeds.read(listener.reading, due[:1], DEFAULT_LIMIT)
            except Refused as refused:
                if refused.answer.status in (410, 422):
                    await listener.put(event="gone", data=refused.answer.body)
                listener.leave()
                return
            for page in pages.values():
                if page.items:
                    await listener.put(event="changes", data=b'{"items":[' + page.items + b"]}")


async def _left(receive: Receive, listener: _Listener) -> None:
    """Waits until the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.leave()


def _since(scope: Scope) -> str | None:
    """From where to go on: what a listener says who comes back goes before what its address says."""
    told = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    errors: list[FieldError] = []
    given = known_once(told, ("since",), "is not known here; known is since", errors)
    if errors:
        raise Invalid(errors)
    last = header_of(scope, b"last-event-id")
    if last:
        return last.decode("latin-1")
    return given.get("since")


def _expiry(scope: Scope) -> float:
    """When the caller's token expires, in seconds since 1970; the door has verified it."""
    _, _, token = (header_of(scope, b"authorization") or b"").partition(b" ")
    payload = token.strip().split(b".")[1]
    return float(orjson.loads(base64.urlsafe_b64decode(payload + b"=="))["exp"])
