"""Problems: every refusal as an RFC 9457 document with a stable code that clients switch on.

Application code raises a `Problem`; the app turns it into the answer. What names a field is 422 with `errors`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import orjson
from starlette.responses import Response

from services.kit.languages import LANGUAGES, Language, spoken_in
from services.kit.words import KIT_WORDS, Words

MEDIA_TYPE = "application/problem+json"

PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A refusal, as RFC 9457 has it. Switch on `code`: those that there are never change and"
    " are listed in this document's `x-problem-codes`, to which others may come.",
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "instance", "code")},
        "status": {"type": "integer"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
                "required": ["field", "code", "message"],
            },
        },
        "current": {
            "type": "object",
            "description": "With 412, where there is something: its present state, as GET shows it.",
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"],
}
"""The problem document as OpenAPI describes it: the component schema `Problem`."""

PROBLEM_RESPONSE: Final[dict[str, Any]] = {
    "description": "Refused",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""What every operation may answer instead."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: its path (`team.0.member_id`), a stable code, and what would be right."""

    field: str
    code: str
    message: str


class Problem(Exception):
    """A refusal. `code` is a stable slug, `detail` a sentence for the reader; subclasses fix status and title."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        current: bytes | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.current = current


class BadRequest(Problem):
    """What cannot be parsed."""

    status, title = 400, "Bad request"


class Unauthorized(Problem):
    """No token, or one that is not good."""

    status, title = 401, "Unauthorized"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(
            code,
            detail,
            headers={"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{code}"'},
        )


class Forbidden(Problem):
    """Seen, but not the caller's to do."""

    status, title = 403, "Forbidden"


class NotFound(Problem):
    """Also for rows that the caller may not see: the two are not told apart."""

    status, title = 404, "Not found"

    def __init__(self, what: str) -> None:
        super().__init__("not_found", f"There is no such {what}, or you may not see it.")


class MethodNotAllowed(Problem):
    """The path is there, the method is not."""

    status, title = 405, "Method not allowed"


class Conflict(Problem):
    """The state of things does not allow it."""

    status, title = 409, "Conflict"


class Gone(Problem):
    """What was there once and is not kept any more."""

    status, title = 410, "Gone"


class PreconditionFailed(Problem):
    """The version in If-Match is not the present one; `current` carries the present state (JSON bytes)."""

    status, title = 412, "Precondition failed"

    def __init__(
        self,
        current: bytes | None,
        version: int | None,
        detail: str = "The row has changed since you read it. `current` holds its present state.",
        code: str = "version_conflict",
    ) -> None:
        headers = {} if version is None else {"ETag": f'"{version}"'}
        super().__init__(code, detail, headers=headers, current=current)

    @classmethod
    def present(cls, current: bytes, version: int) -> Self:
        """If-None-Match asks for what is not there yet."""
        detail = "There is one already. `current` holds its present state."
        return cls(current, version, detail, code="already_exists")

    @classmethod
    def absent(cls) -> Self:
        """If-Match asks for what is there."""
        detail = "There is none yet; without If-Match it would be made."
        return cls(None, None, detail, code="not_there")


class TooSlow(Problem):
    """The request did not arrive in time."""

    status, title = 408, "Request timeout"


class TooLarge(Problem):
    """More bytes than are taken."""

    status, title = 413, "Content too large"


class TooLong(Problem):
    """An address of more bytes than are taken."""

    status, title = 414, "URI too long"


class Unsupported(Problem):
    """A media type that is not read here."""

    status, title = 415, "Unsupported media type"


class Invalid(Problem):
    """Everything that names a field."""

    status, title = 422, "Unprocessable content"

    def __init__(self, errors: Sequence[FieldError], code: str = "invalid") -> None:
        detail = "; ".join(f"{error.field}: {error.message}" for error in errors[:5])
        super().__init__(code, detail, errors=errors)


class PreconditionRequired(Problem):
    """A change of an existing row must say on which version it was made."""

    status, title = 428, "Precondition required"

    def __init__(self) -> None:
        super().__init__(
            "if_match_required",
            'Send If-Match with the version you read, as in If-Match: "3", or If-Match: *.',
        )


class TooMany(Problem):
    """The caller asks too often. `fields` say how often is well; the next window begins in `seconds`."""

    status, title = 429, "Too many requests"

    def __init__(self, detail: str, fields: Iterable[tuple[bytes, bytes]], seconds: int) -> None:
        told = {name.decode(): value.decode() for name, value in fields}
        super().__init__(
            "rate_limited",
            f"{detail} Come back in {seconds} s.",
            headers={**told, "Retry-After": str(seconds)},
        )


class HeadTooLarge(Problem):
    """More header fields, or longer ones, than are taken."""

    status, title = 431, "Request header fields too large"


SOON: Final[Mapping[str, str]] = {"Retry-After": "1"}
"""Said where others are in the way at this moment, or a service is: try again after so many seconds."""


class Unavailable(Problem):
    """Something that is needed does not answer now."""

    status, title = 503, "Service unavailable"


class UpstreamTimeout(Problem):
    """Somebody behind did not answer in time."""

    status, title = 504, "Gateway timeout"


def invalid(field: str, code: str, message: str) -> Invalid:
    """The refusal of one field."""
    return Invalid([FieldError(field, code, message)])


def database_silent() -> Unavailable:
    """The refusal of what wants the database while that does not answer."""
    return Unavailable("database", "The database does not answer; try again.", headers=SOON)


def problem_body(
    problem: Problem, *, request_id: str | None, instance: str, title: str | None = None
) -> bytes:
    """The problem document as JSON bytes; a title of its code's own goes before that of its status."""
    document: dict[str, object] = {
        "type": f"urn:foothold:problem:{problem.code}",
        "title": title or problem.title,
        "status": problem.status,
        "detail": _sendable(problem.detail),
        "instance": instance,
        "code": problem.code,
        "request_id": request_id,
        "errors": [
            {"field": _sendable(e.field), "code": e.code, "message": _sendable(e.message)}
            for e in problem.errors
        ],
    }
    if problem.current is not None:
        document["current"] = orjson.Fragment(problem.current)
    return orjson.dumps(document)


def _sendable(text: str) -> str:
    # What a caller named wrongly may be named with half of a surrogate pair, which no answer can hold.
    return text.encode("utf-8", "replace").decode("utf-8")


def problem_response(
    problem: Problem,
    *,
    request_id: str | None,
    instance: str,
    language: Language = LANGUAGES[0],
    words: Words = KIT_WORDS,
) -> Response:
    """The answer for a problem, ready to send, its title in the language; the detail is in English for everybody."""
    title = words.title(problem.code, language)
    body = problem_body(problem, request_id=request_id, instance=instance, title=title)
    headers = {**problem.headers, **spoken_in(language if title else LANGUAGES[0])}
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
