"""HEAD wherever GET is: a plain ASGI middleware that has it answered as the GET would be, without the body."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Bodiless:
    """Hands HEAD on as GET, and leaves the body of its answer out (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One connection of an ASGI server."""
        headless = scope["type"] == "http" and scope["method"] == "HEAD"
        return (self._without_body if headless else self._app)(scope, receive, send)

    async def _without_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A scope of its own: the server asks its own whether a body is to come.
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_head)
        finally:
            # By its route the request is logged and counted.
            scope["route"] = asked.get("route")
