"""Connections with an end: uvicorn's protocol, which by itself waits for slow callers as long as they like.

A head has ten seconds to arrive and a size, a body must go on arriving, an answer must go on being read. Whoever breaks
this is told so, where an answer is still to be given, and hung up on. A reader that hangs up has its request cancelled;
a write goes on to its end. An answer's head goes out with the first of its body, which uvicorn writes one by one.
"""

import asyncio
from asyncio.events import TimerHandle
from typing import Final, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services.kit.problems import MEDIA_TYPE, BadRequest, HeadTooLarge, Problem, TooSlow, problem_body

HEAD_SECONDS: Final = 10.0
"""From the connection, or the first byte of a later request, to the end of the head."""

BODY_SECONDS: Final = 10.0
"""Between two pieces of a body."""

READ_SECONDS: Final = 30.0
"""For which a caller may take nothing of an answer that is on its way."""

MAX_HEAD: Final = 65_536
"""Bytes of a head, about: what is larger is not even collected."""

_TASK: Final = "foothold.task"
_LEFT: Final = "foothold.left"


class _Joining(asyncio.Transport):
    """The transport of a connection, that of which this protocol makes use: sends a head with what is written next.

    Sent apart they cost each answer a system call more here, and often one where it is read. Where nothing follows at
    once, the head goes by itself.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport, self._loop = transport, loop
        self._head = b""
        self._alone: asyncio.Handle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends the bytes, unless they begin an answer."""
        if self._alone is not None:
            data = self._taken() + bytes(data)
        elif data[:5] == b"HTTP/":
            self._head, self._alone = bytes(data), self._loop.call_soon(self._send_head)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Closes when all is sent."""
        self._send_head()
        self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        self._taken()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """Bytes that are still to be sent."""
        return self._transport.get_write_buffer_size() + len(self._head)

    def _send_head(self) -> None:
        if self._alone is not None:
            self._transport.write(self._taken())

    def _taken(self) -> bytes:
        if self._alone is not None:
            self._alone.cancel()
        head, self._head, self._alone = self._head, b"", None
        return head


class Connection(HttpToolsProtocol):
    """One connection. `head_seconds`, `body_seconds` and `read_seconds` are its patience."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    read_seconds = READ_SECONDS

    _in_head = True
    _head_bytes = 0
    _unread = 0
    _arriving: TimerHandle | None = None
    _leaving: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The caller has connected."""
        super().connection_made(transport)
        self.transport = _Joining(transport, self.loop)
        self._arriving = self.loop.call_later(self.head_seconds, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone, or was sent away."""
        self._nothing_arrives()
        self._nothing_leaves()
        super().connection_lost(exc)
        self._cancel()

    def data_received(self, data: bytes) -> None:
        """More of a head, or of a body."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._nothing_arrives()
            if self.cycle.more_body and not self.cycle.response_complete:
                self._arriving = self.loop.call_later(self.body_seconds, self._body_is_late)
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD:
            self._refuse(HeadTooLarge("headers_too_large", f"A head may hold {MAX_HEAD:,} bytes."))
        elif self._arriving is None:
            self._arriving = self.loop.call_later(self.head_seconds, self._head_is_late)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        super().on_headers_complete()
        # Fields behind a body are collected apart, and left out.
        self.headers = []

    def pause_writing(self) -> None:
        """The caller reads slower than is written."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._leaving = self.loop.call_later(self.read_seconds, self._nothing_is_read)

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._nothing_leaves()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was idle for long; an answer that was not read by now never will be."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def answer_last(self) -> None:
        """Has the answer that is under way be the connection's last one, and say so."""
        under_way = cast("RequestResponseCycle | None", self.cycle)
        if under_way is not None and not under_way.response_started:
            under_way.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is refused as everything else is."""
        self._refuse(BadRequest("bad_request", msg))

    def _head_is_late(self) -> None:
        self._arriving = None
        if self._head_bytes == 0:
            self.transport.close()
        else:
            self._refuse(TooSlow("head_slow", f"The head did not arrive within {self.head_seconds:g} s."))

    def _body_is_late(self) -> None:
        if self.flow.read_paused:
            # It is the app that takes its time.
            self._arriving = self.loop.call_later(self.body_seconds, self._body_is_late)
            return
        self._arriving = None
        self._refuse(TooSlow("body_slow", f"Nothing of the body arrived for {self.body_seconds:g} s."))

    def _nothing_is_read(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left >= self._unread:
            self.transport.abort()
            return
        self._unread = left
        self._leaving = self.loop.call_later(self.read_seconds, self._nothing_is_read)

    def _nothing_arrives(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _nothing_leaves(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _refuse(self, problem: Problem) -> None:
        """Hangs up, with an answer if it is this request's turn to be answered and that has not begun."""
        if self.transport.is_closing():
            return
        under_way = cast("RequestResponseCycle | None", self.cycle)
        idle = under_way is None or under_way.response_complete
        if not self.pipeline and (idle or not (self._in_head or self.cycle.response_started)):
            self.transport.write(_rendered(problem))
        if not idle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _cancel(self) -> None:
        under_way = cast("RequestResponseCycle | None", self.cycle)
        if under_way is None or under_way.response_complete:
            return
        scope = cast("Scope", under_way.scope)
        task: asyncio.Task[None] | None = scope.get(_TASK)
        if task is not None:
            scope[_LEFT] = True
            task.cancel()


def _rendered(problem: Problem) -> bytes:
    body = problem_body(problem, request_id=None, instance="")
    head = (
        f"HTTP/1.1 {problem.status} {problem.title}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


class UntilLeft:
    """Around an app: ends a request that reads when its caller leaves, and with it the statement that it waits for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of an ASGI server."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        scope[_TASK] = asyncio.current_task()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if _LEFT not in scope:
                raise
        finally:
            del scope[_TASK]
