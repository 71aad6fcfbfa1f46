"""What no answer to a hostile request may be: a crash, a look inside, or somebody else's row."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from deploy.local.stack import ROOT
from tests.fuzz.wire import Answered, Hostile

_INSIDE = re.compile(
    rb"Traceback|File \"|site-packages|psycopg|sqlalchemy|pydantic_core|SELECT .* FROM|\.py\b|uvicorn|0x[0-9a-f]{8}"
)
_PROBLEM = b"application/problem+json"


@dataclass(frozen=True)
class Verdict:
    """Judges answers. `secrets` are words of rows that the caller may not see."""

    secrets: Sequence[bytes]

    def wrong(self, request: Hostile, answer: Answered) -> str | None:
        """What is wrong with the answer, or None."""
        if answer.status is None:
            return _unanswered(request, answer)
        if answer.status >= 500:
            return f"answered {answer.status}"
        if request.refused and answer.status < 400:
            return f"was taken in with {answer.status}"
        if found := _INSIDE.search(_without_echo(answer.body)):
            return f"shows its inside: {found[0].decode('latin-1')}"
        if str(ROOT).encode() in answer.body:
            return "shows a path of the machine"
        if any(secret in answer.body for secret in self.secrets):
            return "shows somebody else's row"
        return _unlike_a_problem(request, answer)


def _unanswered(request: Hostile, answer: Answered) -> str | None:
    """Only what is no HTTP may go without an answer; what is answered is HTTP in any case."""
    if answer.head:
        return "was answered with what is no HTTP"
    return None if request.no_http else "ended without an answer"


def _without_echo(body: bytes) -> bytes:
    """The answer without what a problem repeats of the request."""
    try:
        told: Any = json.loads(body)
    except ValueError:
        return body
    if isinstance(told, dict):
        told = {**cast("dict[str, Any]", told), "instance": ""}
    return json.dumps(told).encode()


def _unlike_a_problem(request: Hostile, answer: Answered) -> str | None:
    """Refusals are problems; but for what the server cannot read as HTTP at all."""
    if answer.status is None or answer.status < 400 or b"Invalid HTTP request" in answer.body:
        return None
    if _PROBLEM not in answer.head:
        return f"answered {answer.status} without a problem"
    if request.method == "HEAD":
        return None
    told = json.loads(answer.body)
    missing = {"type", "title", "status", "detail", "code", "request_id"} - told.keys()
    return f"a problem without {', '.join(sorted(missing))}" if missing else None
