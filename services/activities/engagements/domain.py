"""What our people do with customers, and when it may be called done (docs/method.md, "Activities")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from services.kit.problems import Conflict, FieldError, Invalid


class ActivityType(StrEnum):
    """What was done. The first six are the methods that make a customer aware of us."""

    TECH_EXCHANGE = "TECH_EXCHANGE"
    TRACK_RECORD = "TRACK_RECORD"
    PRODUCT_INTRO = "PRODUCT_INTRO"
    FACTORY_VISIT = "FACTORY_VISIT"
    AUTHORITY_REFERRAL = "AUTHORITY_REFERRAL"
    DEMO_TEST = "DEMO_TEST"
    VISIT = "VISIT"
    CALL = "CALL"
    LETTER = "LETTER"
    EMAIL = "EMAIL"
    INTERVIEW = "INTERVIEW"
    PRESENTATION = "PRESENTATION"
    NEGOTIATION = "NEGOTIATION"
    BID_WORK = "BID_WORK"
    EXEC_MEETING = "EXEC_MEETING"
    JOINT_EVENT = "JOINT_EVENT"
    CARE_HOLIDAY = "CARE_HOLIDAY"
    CARE_SPECIAL_DATE = "CARE_SPECIAL_DATE"
    CARE_COURTESY = "CARE_COURTESY"
    CARE_PERSONAL = "CARE_PERSONAL"
    THANK_YOU = "THANK_YOU"
    COMPLAINT_HANDLING = "COMPLAINT_HANDLING"
    CRISIS_VISIT = "CRISIS_VISIT"
    SATISFACTION_CHECK = "SATISFACTION_CHECK"
    COLLECTION = "COLLECTION"
    IN_STORE = "IN_STORE"
    SERVICE_FOLLOW = "SERVICE_FOLLOW"
    INTERNAL_MEETING = "INTERNAL_MEETING"
    TRAINING = "TRAINING"


class ActivityStatus(StrEnum):
    """Whether it is still to come, has happened, or will not."""

    PLANNED = "PLANNED"
    DONE = "DONE"
    MISSED = "MISSED"
    CANCELLED = "CANCELLED"


class MemberFunction(StrEnum):
    """As what one of our people takes part."""

    SALES = "SALES"
    SALES_MANAGER = "SALES_MANAGER"
    EXECUTIVE = "EXECUTIVE"
    RND = "RND"
    PRESALES = "PRESALES"
    SERVICE = "SERVICE"
    FINANCE = "FINANCE"
    MARKETING = "MARKETING"
    OTHER = "OTHER"


LONGEST_MINUTES = 1440
"""Nothing is longer than a day; what goes on for two days is two activities."""

CHANGES: Mapping[ActivityStatus, frozenset[ActivityStatus]] = MappingProxyType(
    {
        ActivityStatus.PLANNED: frozenset(
            {ActivityStatus.DONE, ActivityStatus.MISSED, ActivityStatus.CANCELLED}
        ),
        ActivityStatus.DONE: frozenset[ActivityStatus](),
        ActivityStatus.MISSED: frozenset[ActivityStatus](),
        ActivityStatus.CANCELLED: frozenset[ActivityStatus](),
    }
)
"""Which status may follow which: what is over stays what it was."""


@dataclass(frozen=True, slots=True)
class Timing:
    """An activity's status with its times; `minutes` is its length, planned or real, null when unknown."""

    status: ActivityStatus
    planned_start_at: datetime | None = None
    started_at: datetime | None = None
    minutes: int | None = None


def check_timing(timing: Timing, *, now: datetime) -> None:
    """Raises `Invalid` naming the field when times and status cannot be true together."""
    errors = [*_start_errors(timing, now), *_plan_errors(timing, now), *_length_errors(timing)]
    if errors:
        raise Invalid(errors)


def check_change(present: ActivityStatus, to: ActivityStatus) -> None:
    """Raises `Conflict` (`activity_over`) when what is over would become something else."""
    if to != present and to not in CHANGES[present]:
        raise Conflict("activity_over", f"The activity is {present}; only what is PLANNED can become {to}.")


def check_named_once(attendees: Sequence[UUID], contacts: Sequence[UUID]) -> None:
    """Raises `Invalid` naming each place where a person is named for the second time."""
    errors = [
        FieldError(f"our_attendees.{n}.member_id", "duplicate", "Takes part already; name each member once.")
        for n, id in enumerate(attendees)
        if id in attendees[:n]
    ]
    errors += [
        FieldError(f"contact_ids.{n}", "duplicate", "Is named already; name each person once.")
        for n, id in enumerate(contacts)
        if id in contacts[:n]
    ]
    if errors:
        raise Invalid(errors)


def _start_errors(timing: Timing, now: datetime) -> list[FieldError]:
    started_at = timing.started_at
    if timing.status != ActivityStatus.DONE:
        message = f"What is {timing.status} has not started; leave it out or set status to DONE."
        return [FieldError("started_at", "not_wanted", message)] if started_at else []
    if started_at is None:
        return [FieldError("started_at", "required", "Say when it started; it is DONE.")]
    if started_at > now:
        return [FieldError("started_at", "in_future", "What is DONE cannot lie in the future.")]
    return []


def _plan_errors(timing: Timing, now: datetime) -> list[FieldError]:
    planned = timing.planned_start_at
    if planned is None and timing.status != ActivityStatus.DONE:
        message = (
            f"Say for when it is or was planned; only what is DONE needs no plan, and it is {timing.status}."
        )
        return [FieldError("planned_start_at", "required", message)]
    if timing.status == ActivityStatus.MISSED and planned and planned > now:
        message = "It has not been missed yet; cancel it instead, or plan it for another time."
        return [FieldError("planned_start_at", "in_future", message)]
    return []


def _length_errors(timing: Timing) -> list[FieldError]:
    if timing.minutes is None or 1 <= timing.minutes <= LONGEST_MINUTES:
        return []
    return [FieldError("minutes", "out_of_range", f"A whole number from 1 to {LONGEST_MINUTES}, or null.")]
