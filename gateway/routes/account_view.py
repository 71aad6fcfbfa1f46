"""`GET /v1/accounts/{id}/view`: what all services know of one account, asked at once, spliced into one answer."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from starlette.types import Receive, Scope, Send

from gateway.routes.door import Passed, not_allowed
from gateway.routes.forward import asking, back, send_whole
from gateway.upstreams import Answer, Upstreams
from gateway.views.account import PARTS, Reason, is_part, said, spliced
from services.kit.clients import Trouble
from services.kit.clock import now
from services.kit.conditional import CACHING, etag_of, has
from services.kit.problems import NotFound, Unavailable

PART_SECONDS = 2.0

# What a service says of the caller or the request holds for the whole view.
SAYS_NO = frozenset((400, 401, 403, 422))


class AccountView:
    """Asks every service for its part of the view, each within a time budget."""

    def __init__(self, upstreams: Upstreams, *, part_seconds: float = PART_SECONDS) -> None:
        self._upstreams, self._seconds = upstreams, part_seconds

    async def __call__(self, passed: Passed, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request that the door let in.

        Raises NotFound when every service that answers says so, Unavailable when none answers.
        """
        if scope["method"] not in ("GET", "HEAD"):
            raise not_allowed(("GET", "HEAD"))
        as_of = now()
        headers = asking(scope)
        asked = (self._upstreams.ask(part, passed.target, headers, seconds=self._seconds) for part in PARTS)
        answers = dict(zip(PARTS, await asyncio.gather(*asked), strict=True))
        refusal = next((a for a in answers.values() if isinstance(a, Answer) and a.status in SAYS_NO), None)
        if refusal is not None:
            await send_whole(send, refusal.status, back(refusal.headers), refusal.body)
        else:
            await _show(scope, send, _parts(answers), as_of)


async def _show(scope: Scope, send: Send, parts: Mapping[str, bytes | Reason], as_of: datetime) -> None:
    """The view, or 304 where the caller has it. Its tag is weak: two views that say the same differ in their moment."""
    tag = f"W/{etag_of(said(parts))}"
    headers = [(b"etag", tag.encode()), (b"cache-control", CACHING.encode())]
    if has(lines_of(scope, b"if-none-match"), tag):
        await send_whole(send, 304, headers, b"")
        return
    body = spliced(parts, as_of)
    length = (b"content-length", str(len(body)).encode())
    await send_whole(send, 200, [(b"content-type", b"application/json"), length, *headers], body)


def lines_of(scope: Scope, name: bytes) -> list[str]:
    """The headers of that name (in lower case)."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key == name]


def _parts(answers: dict[str, Answer | Trouble]) -> dict[str, bytes | Reason]:
    parts: dict[str, bytes | Reason] = {part: _part(part, answer) for part, answer in answers.items()}
    if not any(isinstance(part, bytes) for part in parts.values()):
        if "not_yet" in parts.values():
            raise NotFound("account")
        raise Unavailable(
            "upstream_unreachable", "No service answers; try again.", headers={"Retry-After": "2"}
        )
    return parts


def _part(part: str, answer: Answer | Trouble) -> bytes | Reason:
    if isinstance(answer, str):
        return answer
    if answer.status == 404:
        return "not_yet"
    usable = answer.status == 200 and answer.media_type == "application/json" and is_part(part, answer.body)
    return answer.body if usable else "error"
