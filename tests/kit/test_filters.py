"""Values of filters, as text in the address and as what the database is asked."""

from datetime import UTC, datetime

import pytest

from services.kit.filters import INSTANT


@pytest.mark.parametrize(
    "text", ["2026-11-30T08:00:00Z", "2026-12-01T07:59:00+23:59", "2026-11-29T08:01:00-23:59"]
)
def test_an_instant_is_read_in_any_offset_that_there_is(text: str) -> None:
    moment = INSTANT.parse(text)
    assert moment == datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "edge"),
    [("0001-01-01T00:00:00+01:00", datetime.min), ("9999-12-31T23:59:59-01:00", datetime.max)],  # noqa: DTZ901
)
def test_an_instant_before_or_after_all_years_is_the_first_or_last(text: str, edge: datetime) -> None:
    assert INSTANT.parse(text) == edge.replace(tzinfo=UTC)
