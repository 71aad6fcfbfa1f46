"""`GET /v1/contacts/{id}/personal-data`: what all services hold about a person, in one answer that is whole.

Contacts owns people, so where it knows nobody of that id there is nobody. What the others have not heard yet, or cannot
tell now, is no answer to the person: it is asked for again.
"""

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
from gateway.views.held import PARTS, whole
from services.kit.conditional import etag_of, has
from services.kit.problems import NotFound, Unavailable


class PersonalData:
    """Asks every service for what it holds about the person."""

    def __init__(self, upstreams: Upstreams, *, part_seconds: float = PART_SECONDS) -> None:
        self._upstreams, self._seconds = upstreams, part_seconds

    async def __call__(self, passed: Passed, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request that the door let in. Raises NotFound, and Unavailable naming the parts that are missing."""
        answers = await asked_at_once(self._upstreams, PARTS, passed.target, scope, self._seconds)
        if refusal := refusal_among(answers.values()):
            await send_whole(send, refusal.status, back(refusal.headers), refusal.body)
            return
        body = whole(_parts(answers))
        tag = etag_of(body)
        if has(lines_of(scope, b"if-none-match"), tag):
            await send_whole(send, 304, tagged(tag), b"")
        else:
            await send_whole(send, 200, [*described(body), *tagged(tag)], body)


def _parts(answers: Answers) -> dict[str, bytes]:
    given = {part: part_of(PARTS, part, answer) for part, answer in answers.items()}
    if given["contacts"] == "not_yet":
        raise NotFound("contact")
    missing = {part: reason for part, reason in given.items() if isinstance(reason, str)}
    if missing:
        named = ", ".join(f"{part} ({reason})" for part, reason in missing.items())
        raise Unavailable(
            "parts_missing",
            f"What is held about a person is shown as a whole, and parts of it are missing now: {named}; try again.",
            headers={"Retry-After": "2"},
        )
    return {part: body for part, body in given.items() if isinstance(body, bytes)}
