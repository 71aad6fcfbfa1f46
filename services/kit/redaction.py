"""What a log line must not hold is taken out of it: tokens, passwords, and what would name a person."""

import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import cast

from structlog.typing import EventDict

_CREDENTIALS = frozenset(
    ("authorization", "token", "access_token", "refresh_token", "id_token", "cookie", "password", "secret")
)
_NAMES = frozenset(("name", "display_name", "full_name", "address", "date_of_birth"))
_CONTENT = frozenset(("email", "emails", "mail", "phone", "phones", "note", "notes", "wants", "body"))
_SECRET_KEYS = _CREDENTIALS | _NAMES | _CONTENT
_SECRETS = (
    (re.compile(r"eyJ[\w-]+\.[\w-]+(\.[\w-]*)?"), "[token]"),
    (re.compile(r"(?i)\bbearer\s+[^\s,;\"']+"), "Bearer [token]"),
    (re.compile(r"://[^/\s@]+@"), "://[redacted]@"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "[mail]"),
    (re.compile(r"\+\d[\d ()/.-]{6,}\d"), "[phone]"),
)
_HINT = re.compile(r"eyJ|[@+]|(?i:bearer)")
# Exceptions tell what people entered in quotes or in brackets: "Key (email)=(...) already exists".
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|\([^)]*\)")


def redact(_logger: object, _level: str, event: EventDict) -> EventDict:
    """Takes out of a line what it must not hold: tokens, passwords, mail addresses, phones, named fields."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: object) -> object:
    if isinstance(value, str):
        return "[redacted]" if key in _SECRET_KEYS else _without_secrets(value)
    if value is None or isinstance(value, int | float):
        return value
    if key in _SECRET_KEYS:
        return "[redacted]"
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return {str(name): _redacted(str(name).lower(), inner) for name, inner in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", inner) for inner in cast("Sequence[object]", value)]
    return _without_secrets(str(value))


def _without_secrets(text: str) -> str:
    if _HINT.search(text) is not None:
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
    return text


def without_trace_text(_logger: object, _level: str, event: EventDict) -> EventDict:
    """Puts an exception into the line as its types, frames and first words; what it quotes is left out."""
    error = _error(event.pop("exc_info")) if "exc_info" in event else None
    if error is not None:
        event["exception"] = [_told(cause) for cause in _causes(error)]
    return event


def _error(given: object) -> BaseException | None:
    if isinstance(given, tuple):
        given = cast("tuple[object, object, object]", given)[1]
    if given is True:
        given = sys.exc_info()[1]
    return given if isinstance(given, BaseException) else None


def _causes(error: BaseException) -> list[BaseException]:
    found = [error]
    while len(found) < 8:
        cause = _cause(found[-1])
        if cause is None or cause in found:
            break
        found.append(cause)
    return found


def _cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> dict[str, object]:
    first_line = str(error).partition("\n")[0][:300]
    frames = traceback.extract_tb(error.__traceback__)[-20:]
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "said": _QUOTED.sub("…", first_line),
        "sqlstate": getattr(error, "sqlstate", None),
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
