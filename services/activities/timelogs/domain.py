"""Where the minutes of a day go, and what takes them (docs/method.md, "Time")."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.kit.problems import FieldError, Invalid


class TimeCategory(StrEnum):
    """What a stretch of the day was spent on."""

    F2F_SELLING = "F2F_SELLING"
    REMOTE_SELLING = "REMOTE_SELLING"
    COLLECTION = "COLLECTION"
    IN_STORE = "IN_STORE"
    WAITING = "WAITING"
    TRAVEL = "TRAVEL"
    PREPARATION = "PREPARATION"
    PAPERWORK = "PAPERWORK"
    INTERNAL_MEETING = "INTERNAL_MEETING"
    SERVICE = "SERVICE"
    MEAL = "MEAL"
    PRIVATE = "PRIVATE"


class Robber(StrEnum):
    """What diverted the time; a log may name one."""

    NO_GOALS = "NO_GOALS"
    NO_DAILY_PLAN = "NO_DAILY_PLAN"
    UNCLEAR_PRIORITY = "UNCLEAR_PRIORITY"
    LEFT_UNFINISHED = "LEFT_UNFINISHED"
    TOO_MUCH_UNREALISTIC = "TOO_MUCH_UNREALISTIC"
    SELF_DISORGANISED = "SELF_DISORGANISED"
    MESSY_WORKPLACE = "MESSY_WORKPLACE"
    UNCLEAR_DUTY_AUTHORITY = "UNCLEAR_DUTY_AUTHORITY"
    MULTI_LEVEL_REPORTING = "MULTI_LEVEL_REPORTING"
    PHONE_INTERRUPTION = "PHONE_INTERRUPTION"
    UNEXPECTED_VISITOR = "UNEXPECTED_VISITOR"
    LACK_SELF_DISCIPLINE = "LACK_SELF_DISCIPLINE"
    TOO_MANY_HOBBIES = "TOO_MANY_HOBBIES"
    CANNOT_SAY_NO = "CANNOT_SAY_NO"
    INCOMPLETE_INFORMATION = "INCOMPLETE_INFORMATION"
    MEETINGS = "MEETINGS"
    NOT_ACCEPTING_OTHERS = "NOT_ACCEPTING_OTHERS"
    TOO_MUCH_SOCIAL = "TOO_MUCH_SOCIAL"


LONGEST_MINUTES = 1440
"""The minutes of a day."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Minutes of one category on one day of the organisation."""

    spent_on: date
    minutes: int


def check_spent(spent: Spent, *, today: date) -> None:
    """Raises `Invalid` naming the field when so many minutes cannot have been spent on that day."""
    errors: list[FieldError] = []
    if not 1 <= spent.minutes <= LONGEST_MINUTES:
        message = f"A whole number from 1 to {LONGEST_MINUTES}."
        errors.append(FieldError("minutes", "out_of_range", message))
    if spent.spent_on > today:
        errors.append(FieldError("spent_on", "in_future", f"Time is spent by today, {today}, at the latest."))
    if errors:
        raise Invalid(errors)
