"""What the reports read of each state, and what it must look like.

Only this is kept: no people of customers, no mail addresses, nobody's stance. A state that lacks a member is refused
rather than counted as nothing; members that are not named here are passed over, for states may grow.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

Check = Callable[[Any], bool]


def _reads(read: Callable[[Any], object]) -> Check:
    def check(value: Any) -> bool:
        try:
            read(value)
        except (AttributeError, OverflowError, TypeError, ValueError):
            return False
        return True

    return check


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _either(value: Any) -> bool:
    return isinstance(value, bool)


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _all(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, cast("list[object]", value)))


_TEXT = _reads(str.encode)  # Half of a surrogate pair is JSON, and no text.
_ID, _DAY, _INSTANT = _reads(UUID), _reads(date.fromisoformat), _reads(datetime.fromisoformat)

_MOVE: Final[Mapping[str, Check]] = {
    "origin": _TEXT,
    "to": _TEXT,
    "moved_at": _maybe(_INSTANT),
    "moved_on": _maybe(_DAY),
    "origin_minutes": _maybe(_whole),
}


def _move(value: Any) -> bool:
    return fault(_MOVE, value) is None and _BEGUN(value)


def _begun(move: Mapping[str, Any]) -> tuple[datetime, ...]:
    """Around when the stay began that a move ended. Raises OverflowError where a time zone has no such day."""
    moved, stay = move["moved_at"] or move["moved_on"], timedelta(minutes=move["origin_minutes"] or 0)
    return tuple(datetime.fromisoformat(moved) - stay + timedelta(days=days) for days in (-1, 1) if moved)


_BEGUN = _reads(_begun)

MARK: Final[Mapping[str, Check]] = {
    "id": _ID,
    "epoch": _whole,
    "aggregates": _all(_TEXT),
    "complete": _either,
}
"""What a mark of a republish says."""

KEPT: Final[Mapping[str, Mapping[str, Check]]] = {
    "account": {"name": _TEXT, "owner_id": _maybe(_ID)},
    "member": {"name": _TEXT, "manager_id": _maybe(_ID)},
    "product": {"name": _TEXT},
    "opportunity": {
        "name": _TEXT,
        "account_id": _maybe(_ID),
        "owner_id": _ID,
        "product_id": _maybe(_ID),
        "stage": _TEXT,
        "status": _TEXT,
        "amount": _maybe(_whole),
        "currency": _TEXT,
        "expected_close_on": _maybe(_DAY),
        "lost_reason": _maybe(_TEXT),
        "lost_to": _maybe(_TEXT),
        "stage_entered_on": _maybe(_DAY),
        "closed_on": _maybe(_DAY),
        "moves": _all(_move),
    },
    "opportunity_standing": {"rating": _TEXT, "probability": _whole},
    "time_log": {
        "member_id": _ID,
        "account_id": _maybe(_ID),
        "spent_on": _DAY,
        "category": _TEXT,
        "minutes": _whole,
        "robber": _maybe(_TEXT),
    },
}
"""By aggregate. Whatever else the topics tell of is passed over, and counted."""


def fault(shape: Mapping[str, Check], state: object) -> str | None:
    """What is wrong with a state, in a few words; None when it has the shape."""
    if not isinstance(state, dict):
        return "is no object"
    given = cast("dict[str, object]", state)
    for name, check in shape.items():
        if name not in given:
            return f"has no {name}"
        if not check(given[name]):
            return f"has {name} {str(given[name])[:60]!r}"
    return None
