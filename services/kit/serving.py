"""One way to serve HTTP: uvicorn on uvloop and httptools, its own access log off, an end that drops nothing.

The first SIGTERM or SIGINT begins the end. At once `/readyz` is 503, and every answer asks for its connection to be
closed, so that whoever has more to send sends it elsewhere. Then the listener closes; connections in use have `LINGER`
to end by an answer of their own, for a server that closes one may cut off the request that is on its way to it; what is
being answered has `DRAIN_SECONDS`. A second signal ends the process where it stands, as a kill would.
"""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn._types import ASGIApplication
from uvicorn.config import STARTUP_FAILURE
from uvicorn.server import HANDLED_SIGNALS

from services.kit import tracing
from services.kit.clients import SERVER_KEEP_ALIVE
from services.kit.connections import Connection, UntilLeft
from services.kit.problems import Unavailable, problem_response

DRAIN_SECONDS: Final = 7
"""Seconds for what is under way when the end begins; a supervisor that insists after 10 still finds us gone."""

LINGER: Final = 0.3
"""Seconds from the closing of the listener to that of connections on which nothing is being answered."""


def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    ending: Callable[[], object] = lambda: None,
    linger: float = LINGER,
) -> None:
    """Serves until SIGTERM or SIGINT, and ends as this module says. `ending` is called in the loop as that begins."""
    # What was imported stays for good: looking through it again costs some 40 ms of silence each time.
    gc.collect()
    gc.freeze()
    # A request leaves hardly a circle behind: looking for some after every 700 objects takes a twentieth of its time.
    gc.set_threshold(20_000, 20, 20)
    drain = _Drain(app)
    config = uvicorn.Config(
        cast("ASGIApplication", UntilLeft(drain)),
        host=host,
        port=port,
        loop="uvloop",
        http=Connection,
        ws="none",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=SERVER_KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config, drain, ending, linger)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


class _Drain:
    """Around an app: once the end has `begun`, says so at `/readyz`, and in every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = False

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not self.begun or scope["type"] != "http":
            return self._app(scope, receive, send)
        if scope["path"] == "/readyz":
            problem = Unavailable("ending", "This process is about to end.")
            response = problem_response(problem, request_id=None, instance="/readyz")
            return response(scope, receive, partial(_send_last, send))
        return self._app(scope, receive, partial(_send_last, send))


def _send_last(send: Send, message: Message) -> Awaitable[None]:
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
    return send(message)


class _Server(uvicorn.Server):
    """uvicorn's server, with an end that begins at once, is polite to connections, and can be insisted on."""

    def __init__(
        self, config: uvicorn.Config, drain: _Drain, ending: Callable[[], object], linger: float
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._ending = ending
        self._linger = linger

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal; the next finds the system's own answer to it."""
        self._drain.begun = True
        for connection in self.server_state.connections:
            cast("Connection", connection).answer_last()
        for each in HANDLED_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends what is left, and the app with it."""
        self._ending()
        for server in self.servers:
            server.close()
        await asyncio.sleep(self._linger)
        await super().shutdown(sockets)
        await asyncio.to_thread(tracing.flush)
