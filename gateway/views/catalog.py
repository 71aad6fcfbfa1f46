"""One catalogue of those of the services: tables united by name, lists put one after the other, each entry once."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson


def joined(parts: Sequence[Mapping[str, Any]], missing: Mapping[str, str]) -> bytes:
    """The catalogue as JSON bytes; `missing` are the services that are not in it, each with its reason."""
    whole: dict[str, Any] = {}
    for part in parts:
        whole = _united(whole, part)
    whole["missing"] = [{"part": part, "reason": reason} for part, reason in missing.items()]
    return orjson.dumps(whole)


def _united(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    united = dict(before)
    for key, value in more.items():
        there = united.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            united[key] = _united(cast("dict[str, Any]", there), cast("dict[str, Any]", value))
        elif isinstance(there, list) and isinstance(value, list):
            known = cast("list[Any]", there)
            united[key] = [*known, *(each for each in cast("list[Any]", value) if each not in known)]
        else:
            united.setdefault(key, value)
    return united
