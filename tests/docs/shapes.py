"""What two answers have in common when they have the same shape: keys and types, whatever the ids and figures.

In an answer as a document shows it, the key "…" stands for further keys, and a list shows its first entries. Where it
is shown exactly, values are the same as well, but for what "…" stands for: any value, or anything within a text.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

MORE = "…"


def differences(shown: object, told: object, at: str = "answer", *, exact: bool = False) -> Iterator[str]:
    """In what `told` is not of the shape that is `shown`, a sentence each."""
    match shown:
        case dict():
            yield from _of_object(cast("dict[str, object]", shown), told, at, exact=exact)
        case list():
            yield from _of_list(cast("list[object]", shown), told, at, exact=exact)
        case _ if exact:
            if not _is_shown(shown, told):
                yield f"{at} is {told!r}, not {shown!r}"
        case _:
            if type(shown) is not type(told):
                yield f"{at} is {_named(told)}, not {_named(shown)}"


def documents(text: str) -> list[Any]:
    """Every JSON document in a text, one after the other."""
    found: list[Any] = []
    rest = text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].lstrip()
    return found


def fits(shown: str, told: str) -> bool:
    """Whether a text is the one that is shown, "…" standing for anything within a line."""
    pattern = re.escape(shown.strip()).replace(re.escape(MORE), ".+")
    return re.fullmatch(pattern, told.strip()) is not None


def _is_shown(shown: object, told: object) -> bool:
    if isinstance(shown, str) and isinstance(told, str):
        return fits(shown, told)
    return shown == MORE or (type(shown) is type(told) and shown == told)


def _of_object(shown: dict[str, object], told: object, at: str, *, exact: bool) -> Iterator[str]:
    if not isinstance(told, dict):
        yield f"{at} is {_named(told)}, not an object"
        return
    answer = cast("dict[str, object]", told)
    for key in sorted(answer.keys() - shown.keys()):
        if MORE not in shown:
            yield f"{at} has {key}, which is not shown"
    for key, value in shown.items():
        if key in answer:
            yield from differences(value, answer[key], f"{at}.{key}", exact=exact)
        elif key != MORE:
            yield f"{at} has no {key}"


def _of_list(shown: list[object], told: object, at: str, *, exact: bool) -> Iterator[str]:
    if not isinstance(told, list):
        yield f"{at} is {_named(told)}, not a list"
        return
    answer = cast("list[object]", told)
    if len(answer) < len(shown) or (answer and not shown):
        yield f"{at} has {len(answer)} entries, not {len(shown)}"
    for number, (one, other) in enumerate(zip(shown, answer, strict=False)):
        yield from differences(one, other, f"{at}.{number}", exact=exact)


def _named(value: object) -> str:
    return "null" if value is None else type(value).__name__
