"""Time logs as requests send them and answers show them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.activities.timelogs.domain import Robber, TimeCategory
from services.kit.fields import Body, Day, Id, Minutes, Note, Paged, Stamped

SpentOn = Annotated[Day, Field(description="The organisation's day; today at the latest.")]
AccountOf = Annotated[
    Id | None, Field(description="Filled from the activity where it has one; another one is refused.")
]


class TimeLogCreate(Body):
    """Minutes that somebody spent."""

    member_id: Id | None = Field(
        default=None, description="Who spent them: the caller, or somebody who reports to the caller."
    )
    spent_on: SpentOn
    category: TimeCategory
    minutes: Minutes
    activity_id: Id | None = None
    account_id: AccountOf = None
    robber: Robber | None = Field(default=None, description="What diverted the time.")
    note: Note | None = None


class TimeLogUpdate(Body):
    """A merge patch of a time log: absent fields stay; a log stays its member's."""

    spent_on: SpentOn = date.min
    category: TimeCategory = TimeCategory.PRIVATE
    minutes: Minutes = 1
    activity_id: Id | None = None
    account_id: AccountOf = None
    robber: Robber | None = None
    note: Note | None = None


class TimeLogRead(Stamped):
    """Minutes that a member spent on one thing on one day."""

    id: UUID
    member_id: UUID
    spent_on: date
    category: TimeCategory
    minutes: int
    activity_id: UUID | None
    account_id: UUID | None
    robber: Robber | None
    note: str | None


class TimeLogList(Paged):
    """A page of time logs."""

    items: list[TimeLogRead]
