"""This service's part of an account's view."""

from datetime import datetime
from uuid import UUID

from services.activities.engagements.domain import ActivityType
from services.activities.engagements.schemas import ActivityRead
from services.activities.timelogs.domain import TimeCategory
from services.kit.fields import Read


class CategoryMinutes(Read):
    """The minutes of all our people on one category; who spent them is not said."""

    category: TimeCategory
    minutes: int


class Touch(Read):
    """A done activity in which the customer took part."""

    id: UUID
    type: ActivityType
    started_at: datetime
    subject: str
    owner_id: UUID


class AccountView(Read):
    """The last ten activities, the latest first; the minutes of the last 90 days, most first; the last touch."""

    activities: list[ActivityRead]
    minutes: list[CategoryMinutes]
    last_touch: Touch | None
