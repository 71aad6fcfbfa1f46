"""The present, in one place, and what a day is: the organisation's time zone decides."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def today(timezone: ZoneInfo) -> date:
    """The organisation's present day."""
    return now().astimezone(timezone).date()


def instant(moment: datetime) -> str:
    """The instant as it is written everywhere: UTC, microseconds, Z. The database's function of that name agrees."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
