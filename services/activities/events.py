"""What activities tells the world: what was planned and done with whom, and where the minutes went.

Who met whom and for how long; what was said, and what comes of it, stays at home.
"""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from services.activities.engagements.domain import ActivityStatus, ActivityType, MemberFunction
from services.activities.timelogs.domain import Robber, TimeCategory
from services.kit.events import PublicAggregate


class AttendeeState(BaseModel):
    """One of our people at an activity, and as what."""

    member_id: UUID
    function: MemberFunction


class ActivityState(BaseModel):
    """An activity as others know it: never its subject, its outcome or its next step."""

    id: UUID
    type: ActivityType
    status: ActivityStatus
    account_id: UUID | None
    opportunity_id: UUID | None
    owner_id: UUID
    contact_ids: list[UUID]
    our_attendees: list[AttendeeState]
    two_way: bool
    minutes: int | None
    started_at: datetime | None
    planned_start_at: datetime | None
    important: bool | None


class TimeLogState(BaseModel):
    """Minutes of one of our people as others know them; the note stays at home."""

    id: UUID
    member_id: UUID
    spent_on: date
    category: TimeCategory
    minutes: int
    activity_id: UUID | None
    account_id: UUID | None
    robber: Robber | None


PUBLIC = (
    # An activity is born by the fact that says how it stands; one that a file tells is created.
    PublicAggregate(
        "activity",
        "activities",
        ActivityState,
        facts=("planned", "completed", "missed", "cancelled"),
    ),
    PublicAggregate(
        "time_log",
        "time-logs",
        TimeLogState,
        facts=("recorded",),
        standard=("updated", "deleted", "restored", "erased"),
    ),
)
