"""A strict reading of requests: what is sent is what is meant, or it is refused with the field's name."""

import json
from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any, Final, NoReturn, cast

from fastapi import Request

from services.kit.problems import BadRequest, FieldError, Unsupported, invalid

MAX_DEPTH: Final = 32
MAX_KEYS: Final = 1_000
MAX_ITEMS: Final = 10_000
"""Of one array."""

JSON_TYPES = frozenset({"application/json", "application/merge-patch+json"})


class StrictRequest(Request):
    """A request whose `json()` refuses other media types, duplicate keys, NaN, NUL and lone surrogates."""

    async def body(self) -> bytes:
        body = await super().body()
        if body and self.method in ("POST", "PUT", "PATCH"):
            _check_media_type(self.headers.get("content-type", ""))
        return body

    async def json(self) -> Any:
        return parse_json(await self.body())


def _check_media_type(header: str) -> None:
    kind = header.partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        raise Unsupported("media_type", "Send the body as application/json.")


def parse_json(body: bytes) -> Any:
    """The JSON value.

    Raises BadRequest (not JSON, nested too deeply) or Invalid (duplicate key, too many of them, an array too long, NaN,
    a number beyond any, a text with NUL or half of a surrogate pair).
    """
    try:
        return _parsed(body)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadRequest("json_invalid", f"The body is not JSON: {_where(error)}.") from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise BadRequest("json_invalid", "The body holds a number with too many digits.") from error


def _parsed(body: bytes) -> Any:
    text = body.decode("utf-8")
    value: Any = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_finite)
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH or body.count(b",") >= MAX_ITEMS:
        _check_shape(value, 1)
    if "\\u0000" in text or "\\ud" in text.lower():
        _check_strings(value, "body")
    return value


def _too_deep() -> BadRequest:
    return BadRequest("json_depth", f"The body is nested more than {MAX_DEPTH} deep.")


def _check_shape(value: Any, depth: int) -> None:
    """Raises what is wrong with how deep the value is, itself being so deep, or how long an array in it."""
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(value, list) and len(cast("list[Any]", value)) > MAX_ITEMS:
            raise invalid("body", "too_long", f"holds an array of more than {MAX_ITEMS:,} items")
        for inner in cast("Any", value.values() if isinstance(value, dict) else value):
            _check_shape(inner, depth + 1)


def _where(error: Exception) -> str:
    return (
        error.msg + f" at character {error.pos}"
        if isinstance(error, json.JSONDecodeError)
        else "it is not UTF-8"
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(pairs) > MAX_KEYS:
        raise invalid("body", "too_many_keys", f"holds an object of more than {MAX_KEYS:,} keys")
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise invalid(twice[:200], "duplicate_key", "is given twice; give it once")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise invalid("body", "number", f"holds {text[:50]}, which is beyond any number")
    return number


def _constant(text: str) -> NoReturn:
    raise invalid("body", "number", f"holds {text}, which is not a JSON number")


def _check_strings(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise invalid(
                path, "character", "holds a NUL or half of a surrogate pair, which cannot be stored"
            )
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            _check_strings(name, path)
            _check_strings(inner, name)
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[Any]", value)):
            _check_strings(inner, f"{path}.{number}")


_SAID: Mapping[str, str] = {
    "extra_forbidden": "is not known here",
    "missing": "is required",
}


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Validation errors of pydantic as field errors; the first part of a place (body, query, path) is left out."""
    return [FieldError(_path(e["loc"]), str(e["type"]), _message(e)) for e in errors[:100]]


def _path(location: Sequence[Any]) -> str:
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    return ".".join(parts)[:200]


def _message(error: Any) -> str:
    text = _SAID.get(error["type"]) or str(error["msg"])
    return text.removeprefix("Value error, ")[:300]
