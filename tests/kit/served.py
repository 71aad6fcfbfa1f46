"""A process that tests of serving start: `python -m tests.kit.served PORT LINGER`.

It answers with what it is sent.
"""

import sys

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.kit.serving import serve


class Echo:
    """Answers once the body is there: whoever sends it decides how long a request is under way.

    Its answers say whether it was told of its end.
    """

    def __init__(self) -> None:
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = await Request(scope, receive).body()
            await Response(body, headers={"Told": str(self._told)})(scope, receive, send)

    def ending(self) -> None:
        self._told = True


if __name__ == "__main__":
    app = Echo()
    serve(app, host="127.0.0.1", port=int(sys.argv[1]), ending=app.ending, linger=float(sys.argv[2]))
