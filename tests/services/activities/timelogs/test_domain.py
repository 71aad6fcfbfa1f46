"""Where time goes, what robs it, and how much of it a day has."""

from datetime import date

import pytest

from services.activities.timelogs.domain import (
    Spent,
    TimeCategory,
    check_spent,
)
from services.kit.problems import Invalid

TODAY = date(2026, 5, 4)

CATEGORIES = """
    F2F_SELLING REMOTE_SELLING COLLECTION IN_STORE WAITING TRAVEL
    PREPARATION PAPERWORK INTERNAL_MEETING SERVICE MEAL PRIVATE
"""


def test_the_categories_are_those_of_the_method() -> None:
    assert list(TimeCategory) == CATEGORIES.split()


@pytest.mark.parametrize("minutes", [1, 480, 1440])
def test_up_to_a_day_can_be_spent_on_a_day(minutes: int) -> None:
    check_spent(Spent(TODAY, minutes), today=TODAY)
    check_spent(Spent(date(2020, 2, 29), minutes), today=TODAY)


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        (Spent(TODAY, 0), {"minutes": "out_of_range"}),
        (Spent(TODAY, -1), {"minutes": "out_of_range"}),
        (Spent(TODAY, 1441), {"minutes": "out_of_range"}),
        (Spent(date(2026, 5, 5), 60), {"spent_on": "in_future"}),
        (Spent(date(2026, 5, 5), 0), {"minutes": "out_of_range", "spent_on": "in_future"}),
    ],
)
def test_time_that_cannot_have_been_spent_is_refused_by_field(spent: Spent, expected: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        check_spent(spent, today=TODAY)
    assert {error.field: error.code for error in caught.value.errors} == expected
