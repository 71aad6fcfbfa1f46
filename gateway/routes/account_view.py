"""`GET /v1/accounts/{id}/view`: what all services know of one account, asked at once, spliced into one answer."""

from collections.abc import Mapping
from datetime import datetime

from starlette.types import Receive, Scope, Send

from gateway.routes.door import Passed
from gateway.routes.forward import back, send_whole
from gateway.routes.parts import (
    PART_SECONDS,
    Answers,
    asked_at_once,
    described,
    lines_of,
    part_of,
    refusal_among,
    tagged,
)
from gateway.upstreams import Upstreams
from gateway.views.account import PARTS, said, spliced
from gateway.views.parts import Reason
from services.kit.clock import now
from services.kit.conditional import etag_of, has
from services.kit.problems import NotFound, Unavailable


class AccountView:
    """Asks every service for its part of the view."""

    def __init__(self, upstreams: Upstreams, *, part_seconds: float = PART_SECONDS) -> None:
        self._upstreams, self._seconds = upstreams, part_seconds

    async def __call__(self, passed: Passed, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request that the door let in.

        Raises NotFound when every service that answers says so, Unavailable when none answers.
        """
        as_of = now()
        answers = await asked_at_once(self._upstreams, PARTS, passed.target, scope, self._seconds)
        if refusal := refusal_among(answers.values()):
            await send_whole(send, refusal.status, back(refusal.headers), refusal.body)
        else:
            await _show(scope, send, _parts(answers), as_of)


async def _show(scope: Scope, send: Send, parts: Mapping[str, bytes | Reason], as_of: datetime) -> None:
    """The view, or 304 where the caller has it. Its tag is weak: two views that say the same differ in their moment."""
    tag = f"W/{etag_of(said(parts))}"
    if has(lines_of(scope, b"if-none-match"), tag):
        await send_whole(send, 304, tagged(tag), b"")
        return
    body = spliced(parts, as_of)
    await send_whole(send, 200, [*described(body), *tagged(tag)], body)


def _parts(answers: Answers) -> dict[str, bytes | Reason]:
    parts: dict[str, bytes | Reason] = {
        part: part_of(PARTS, part, answer) for part, answer in answers.items()
    }
    if not any(isinstance(part, bytes) for part in parts.values()):
        if "not_yet" in parts.values():
            raise NotFound("account")
        raise Unavailable(
            "upstream_unreachable", "No service answers; try again.", headers={"Retry-After": "2"}
        )
    return parts
