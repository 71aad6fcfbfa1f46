"""Which dated links between people count, in the organisation's days, and when time alone takes one away."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.opportunities.policy import policy_from
from services.opportunities.stakeholders.structure import DatedLink, links_at

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def test_the_last_180_days_count_today_and_the_first_of_them_included() -> None:
    first_day = datetime(2026, 1, 3, tzinfo=UTC)
    links: list[DatedLink] = [
        ("a", "today", NOW),
        ("a", "first", first_day),
        ("a", "gone", first_day - timedelta(microseconds=1)),
    ]
    assert links_at(links, now=NOW, timezone=UTC).pairs == (("a", "first"), ("a", "today"))


def test_the_organisation_s_time_zone_decides_what_a_day_is() -> None:
    late = datetime(2026, 1, 2, 16, 0, tzinfo=UTC)  # the third of January in Shanghai
    assert links_at([("a", "b", late)], now=NOW, timezone=UTC).pairs == ()
    kept = links_at([("a", "b", late)], now=NOW, timezone=SHANGHAI)
    assert kept.pairs == (("a", "b"),)
    assert kept.valid_until == datetime(2026, 7, 1, 16, 0, tzinfo=UTC)


def test_an_ally_never_fades() -> None:
    allied = links_at([("a", "b", None)], now=NOW, timezone=UTC)
    assert (allied.pairs, allied.valid_until) == ((("a", "b"),), None)


def test_links_are_valid_until_the_first_of_them_fades() -> None:
    links: list[DatedLink] = [
        ("a", "b", NOW - timedelta(days=10)),
        ("a", "c", NOW - timedelta(days=100)),
        ("a", "d", NOW - timedelta(days=500)),
        ("c", "d", None),
    ]
    kept = links_at(links, now=NOW, timezone=UTC)
    assert kept.pairs == (("a", "b"), ("a", "c"), ("c", "d"))
    assert kept.valid_until == datetime(2026, 9, 19, tzinfo=UTC)


def test_a_pair_counts_as_long_as_its_last_link() -> None:
    older, newer = NOW - timedelta(days=100), NOW - timedelta(days=1)
    for links in ([("b", "a", older), ("a", "b", newer)], [("a", "b", newer), ("b", "a", older)]):
        kept = links_at(links, now=NOW, timezone=UTC)
        assert (kept.pairs, kept.valid_until) == ((("a", "b"),), datetime(2026, 12, 27, tzinfo=UTC))
    for links in ([("a", "b", older), ("b", "a", None)], [("b", "a", None), ("a", "b", older)]):
        assert links_at(links, now=NOW, timezone=UTC).valid_until is None


def test_a_link_fades_at_the_start_of_a_day_that_begins_late() -> None:
    """In Beirut clocks went from midnight to one o'clock on 27 March 2022, so the day began at 22:00 UTC."""
    beirut = ZoneInfo("Asia/Beirut")
    joint_at = datetime(2022, 3, 27, tzinfo=UTC) - timedelta(days=180)
    kept = links_at([("a", "b", joint_at)], now=joint_at, timezone=beirut)
    assert kept.valid_until == datetime(2022, 3, 26, 22, 0, tzinfo=UTC)


def test_no_links_never_change() -> None:
    assert links_at([], now=NOW, timezone=UTC).valid_until is None


@pytest.mark.parametrize(("days", "counts"), [(1, False), (2, True)])
def test_a_policy_may_shorten_the_window(days: int, counts: bool) -> None:
    yesterday = NOW - timedelta(days=1)
    policy = policy_from({"network_days": days})
    kept = links_at([("a", "b", yesterday)], now=NOW, timezone=UTC, policy=policy)
    assert bool(kept.pairs) is counts


instants = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
dated = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.none() | instants), max_size=12
)
zones = st.sampled_from([ZoneInfo("UTC"), SHANGHAI, ZoneInfo("America/New_York"), ZoneInfo("Asia/Beirut")])


@given(links=dated, now=instants, timezone=zones)
def test_nothing_changes_before_valid_until_and_something_does_then(
    links: list[DatedLink], now: datetime, timezone: ZoneInfo
) -> None:
    kept = links_at(links, now=now, timezone=timezone)
    if kept.valid_until is None:
        assert links_at(links, now=now + timedelta(days=4000), timezone=timezone) == kept
        return
    assert kept.valid_until > now
    assert links_at(links, now=kept.valid_until - timedelta(microseconds=1), timezone=timezone) == kept
    assert set(links_at(links, now=kept.valid_until, timezone=timezone).pairs) < set(kept.pairs)
