"""What an activity can be, when it may be called done, and what is over."""

from datetime import UTC, datetime, timedelta

import pytest

from services.activities.engagements.domain import (
    ActivityStatus,
    ActivityType,
    Timing,
    check_change,
    check_timing,
)
from services.kit.problems import Conflict, Invalid

NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
OVER = [status for status in ActivityStatus if status is not ActivityStatus.PLANNED]

TYPES = """
    TECH_EXCHANGE TRACK_RECORD PRODUCT_INTRO FACTORY_VISIT AUTHORITY_REFERRAL DEMO_TEST
    VISIT CALL LETTER EMAIL INTERVIEW PRESENTATION NEGOTIATION BID_WORK EXEC_MEETING JOINT_EVENT
    CARE_HOLIDAY CARE_SPECIAL_DATE CARE_COURTESY CARE_PERSONAL THANK_YOU
    COMPLAINT_HANDLING CRISIS_VISIT SATISFACTION_CHECK COLLECTION IN_STORE SERVICE_FOLLOW
    INTERNAL_MEETING TRAINING
"""


def refusal(timing: Timing) -> dict[str, str]:
    """The fields that are refused, with their codes."""
    with pytest.raises(Invalid) as caught:
        check_timing(timing, now=NOW)
    return {error.field: error.code for error in caught.value.errors}


def test_the_types_are_those_of_the_method() -> None:
    assert list(ActivityType) == TYPES.split()


@pytest.mark.parametrize("to", OVER)
def test_what_is_planned_is_done_missed_or_cancelled(to: ActivityStatus) -> None:
    check_change(ActivityStatus.PLANNED, to)


@pytest.mark.parametrize("present", OVER)
@pytest.mark.parametrize("to", ActivityStatus)
def test_what_is_over_stays_what_it_was(present: ActivityStatus, to: ActivityStatus) -> None:
    if to is present:
        check_change(present, to)
    else:
        with pytest.raises(
            Conflict, match=f"The activity is {present}; only what is PLANNED can become {to}"
        ):
            check_change(present, to)


@pytest.mark.parametrize(
    "timing",
    [
        Timing(ActivityStatus.PLANNED, planned_start_at=LATER, minutes=90),
        Timing(ActivityStatus.PLANNED, planned_start_at=NOW - timedelta(days=1)),
        Timing(ActivityStatus.DONE, started_at=NOW),
        Timing(
            ActivityStatus.DONE, planned_start_at=LATER, started_at=NOW - timedelta(days=900), minutes=1440
        ),
        Timing(ActivityStatus.MISSED, planned_start_at=NOW),
        Timing(ActivityStatus.CANCELLED, planned_start_at=LATER, minutes=1),
    ],
)
def test_times_that_fit_the_status_are_taken(timing: Timing) -> None:
    check_timing(timing, now=NOW)


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        (Timing(ActivityStatus.DONE), {"started_at": "required"}),
        (Timing(ActivityStatus.DONE, started_at=LATER), {"started_at": "in_future"}),
        (Timing(ActivityStatus.PLANNED), {"planned_start_at": "required"}),
        (Timing(ActivityStatus.MISSED), {"planned_start_at": "required"}),
        (Timing(ActivityStatus.CANCELLED), {"planned_start_at": "required"}),
        (Timing(ActivityStatus.PLANNED, LATER, started_at=NOW), {"started_at": "not_wanted"}),
        (Timing(ActivityStatus.CANCELLED, NOW, started_at=NOW), {"started_at": "not_wanted"}),
        (Timing(ActivityStatus.MISSED, planned_start_at=LATER), {"planned_start_at": "in_future"}),
        (Timing(ActivityStatus.PLANNED, LATER, minutes=0), {"minutes": "out_of_range"}),
        (Timing(ActivityStatus.PLANNED, LATER, minutes=-5), {"minutes": "out_of_range"}),
        (Timing(ActivityStatus.PLANNED, LATER, minutes=1441), {"minutes": "out_of_range"}),
        (
            Timing(ActivityStatus.MISSED, planned_start_at=LATER, started_at=NOW, minutes=0),
            {"started_at": "not_wanted", "planned_start_at": "in_future", "minutes": "out_of_range"},
        ),
    ],
)
def test_times_that_cannot_be_true_are_refused_by_field(timing: Timing, expected: dict[str, str]) -> None:
    assert refusal(timing) == expected
