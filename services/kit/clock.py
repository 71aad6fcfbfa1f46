"""The present, in one place, and what a day is: the organisation's time zone decides."""

import re
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def today(timezone: ZoneInfo) -> date:
    """The organisation's present day."""
    return now().astimezone(timezone).date()


def instant(moment: datetime) -> str:
    """The instant as it is written everywhere: UTC, microseconds, Z. The database's function of that name agrees."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for one that lies in no year from 1 to 9999 there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999") from None


def read_instant(text: str) -> datetime:
    """The moment of an RFC 3339 date-time, as in 2026-11-30T08:00:00Z. Raises ValueError for any other text."""
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError("must be an instant as in 2026-11-30T08:00:00Z")
    return datetime.fromisoformat(text.upper())
