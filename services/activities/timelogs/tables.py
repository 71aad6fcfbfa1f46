"""Time logs: where our people's minutes go."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Integer, Text
from sqlmodel import Field

from services.activities.tables import Base
from services.kit.rows import Row, deleted, live


class TimeLog(Base, Row, table=True):
    """Minutes that a member spent on one thing on one day; of an activity that was purged they keep the id."""

    __tablename__ = "time_log"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        deleted("time_log"),
        CheckConstraint("minutes BETWEEN 1 AND 1440", name="time_log__minutes__range"),
        live("time_log_day", "spent_on", "id"),
        live("time_log_member", "member_id", "spent_on", "id"),
        live(
            "time_log_account",
            "account_id",
            "spent_on",
            "id",
            also="account_id IS NOT NULL",
            include=("category", "minutes"),
        ),
        live("time_log_activity", "activity_id", "spent_on", "id", also="activity_id IS NOT NULL"),
        live("time_log_category", "category", "spent_on", "id"),
        live("time_log_robber", "robber", "spent_on", "id", also="robber IS NOT NULL"),
    )

    member_id: UUID
    spent_on: date = Field(sa_type=Date)
    category: str = Field(sa_type=Text)
    minutes: int = Field(sa_type=Integer)
    activity_id: UUID | None = None
    account_id: UUID | None = None
    robber: str | None = Field(default=None, sa_type=Text)
    note: str | None = Field(default=None, sa_type=Text)
