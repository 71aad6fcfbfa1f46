"""HEAD wherever GET is: a plain ASGI middleware that has it answered as the GET would be, without the body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Bodiless:
    """Hands HEAD on as GET, and leaves the body of its answer out (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of an ASGI server."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A scope of its own: the server asks its own whether a body is to come.
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_head)
        finally:
            # By its route the request is logged and counted.
            scope["route"] = asked.get("route")
