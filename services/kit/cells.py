"""Cells: how the text of one cell of a file is read. Each reader raises ValueError saying what would be right."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from services.kit.clock import now
from services.kit.fields import MAX_MONEY
from services.kit.profiles import Read

_WHOLE = re.compile(r"-?[0-9]{1,18}")
# Short enough for exact arithmetic at the decimal module's 28 digits.
_DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,10})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def words(most: int) -> Read:
    """Text of at most `most` characters."""
    return partial(_words, most)


def whole(least: int, most: int) -> Read:
    """A whole number within the bounds."""
    return partial(_whole, least, most)


def money(unit: int) -> Read:
    """An amount in minor units (integer) of a decimal number that counts `unit` minor units: 100 for dollars."""
    return partial(_money, unit)


def code(codes: Mapping[str, Any]) -> Read:
    """One of the source's words, as ours."""
    return partial(_code, codes)


def day(text: str) -> date:
    """A day as in 2026-11-30."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError("must be a day as in 2026-11-30")


def past_day(text: str) -> date:
    """A day that is not still to come, wherever on earth the organisation is."""
    found = day(text)
    if found > (now() + timedelta(hours=14)).date():
        raise ValueError("must not lie in the future, for it says what was done")
    return found


def past_instant(text: str) -> datetime:
    """An instant with its offset that is not still to come."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1 < found.year < 9999:
        raise ValueError("must be an instant as in 2026-11-30T08:00:00Z")
    if found > now():
        raise ValueError("must not lie in the future, for it says what was done")
    return found


def _words(most: int, text: str) -> str:
    if len(text) > most:
        raise ValueError(f"must have at most {most} characters")
    return text


def _whole(least: int, most: int, text: str) -> int:
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return int(text)


def _money(unit: int, text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("must be a number as in 1234.50")
    amount = Decimal(text) * unit
    if amount != amount.to_integral_value() or abs(amount) > MAX_MONEY:
        raise ValueError("must come to whole minor units, at most 2^53-1 of them")
    return int(amount)


def _code(codes: Mapping[str, Any], text: str) -> Any:
    if text not in codes:
        raise ValueError("must be one of " + ", ".join(codes))
    return codes[text]
