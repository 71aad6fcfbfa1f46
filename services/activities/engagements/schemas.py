"""Activities as requests send them and answers show them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.activities.engagements.domain import ActivityStatus, ActivityType, MemberFunction
from services.kit.fields import (
    Body,
    ExternalIds,
    ExternalIdsPatch,
    Flag,
    Id,
    Instant,
    Line,
    Minutes,
    Note,
    Paged,
    Read,
    Stamped,
)


class Attendee(Body):
    """One of our people who takes part, and as what."""

    member_id: Id
    function: MemberFunction


Planned = Annotated[
    Instant | None, Field(description="For when it is planned. Required of all that is not DONE.")
]
Started = Annotated[
    Instant | None,
    Field(description="When it began: required of what is DONE, never in the future, absent otherwise."),
]
Length = Annotated[Minutes | None, Field(description="How long it takes or took; null when unknown.")]
Attendees = Annotated[list[Attendee], Field(max_length=100, description="Our people; each once.")]
People = Annotated[list[Id], Field(max_length=200, description="People at the account; each once.")]
TwoWay = Annotated[Flag, Field(description="Whether the customer took part.")]


class ActivityCreate(Body):
    """A new activity, planned or over. Its account is that of its opportunity where only that is named."""

    type: ActivityType
    status: ActivityStatus = ActivityStatus.PLANNED
    planned_start_at: Planned = None
    started_at: Started = None
    minutes: Length = None
    account_id: Id | None = None
    opportunity_id: Id | None = None
    owner_id: Id | None = Field(
        default=None, description="Whose it is: the caller's, or somebody's who reports to the caller."
    )
    our_attendees: Attendees = Field(default_factory=list[Attendee])
    contact_ids: People = Field(default_factory=list[UUID])
    two_way: TwoWay = False
    subject: Line
    outcome: Note | None = None
    next_step: Note | None = None
    important: Flag | None = None
    urgent: Flag | None = None
    external_ids: ExternalIds = Field(default_factory=dict)


class ActivityUpdate(Body):
    """A merge patch of an activity: absent fields stay, lists are replaced as a whole, external ids by source.

    `status` goes from PLANNED to DONE, MISSED or CANCELLED; what is over stays what it was.
    """

    type: ActivityType = ActivityType.VISIT
    status: ActivityStatus = ActivityStatus.PLANNED
    planned_start_at: Planned = None
    started_at: Started = None
    minutes: Length = None
    account_id: Id | None = None
    opportunity_id: Id | None = None
    owner_id: Id = Field(default=UUID(int=0), description="Changed by the owner and the managers above.")
    our_attendees: Attendees = Field(default_factory=list[Attendee])
    contact_ids: People = Field(default_factory=list[UUID])
    two_way: TwoWay = False
    subject: Line = ""
    outcome: Note | None = None
    next_step: Note | None = None
    important: Flag | None = None
    urgent: Flag | None = None
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class ActivityRead(Stamped):
    """An activity. `starts_at` is `started_at`, or `planned_start_at` of what has not begun."""

    id: UUID
    type: ActivityType
    status: ActivityStatus
    planned_start_at: datetime | None
    started_at: datetime | None
    starts_at: datetime
    minutes: int | None
    account_id: UUID | None
    opportunity_id: UUID | None
    owner_id: UUID
    our_attendees: list[Attendee]
    contact_ids: list[UUID]
    two_way: bool
    subject: str
    outcome: str | None
    next_step: str | None
    important: bool | None
    urgent: bool | None
    external_ids: dict[str, str]


class ActivityList(Paged):
    """A page of activities."""

    items: list[ActivityRead]


class ActivityFound(Read):
    """The activities that a lookup found."""

    items: list[ActivityRead]
