"""Activities: what our people do with customers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from services.activities.tables import Base
from services.kit.rows import External, Instant, Row, deleted, live

NOBODY = {"server_default": text("'[]'")}
NO_IDS = {"server_default": text("'{}'")}
STARTS = Computed("coalesce(started_at, planned_start_at)", persisted=True)


class Activity(Base, External, Row, table=True):
    """One activity. `starts_at` is when it began or is to begin: what time it is sorted by."""

    __tablename__ = "activity"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        deleted("activity"),
        CheckConstraint("minutes BETWEEN 1 AND 1440", name="activity__minutes__range"),
        live("activity_time", "starts_at", "id"),
        live("activity_account", "account_id", "starts_at", "id"),
        live("activity_opportunity", "opportunity_id", "starts_at", "id", also="opportunity_id IS NOT NULL"),
        live("activity_owner", "owner_id", "starts_at", "id"),
        live("activity_type", "type", "starts_at", "id"),
        live("activity_status", "status", "starts_at", "id"),
        live("activity_born", "created_at", "id"),
        live("activity_touch", "account_id", "started_at", "id", also="status = 'DONE' AND two_way"),
    )

    type: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    planned_start_at: datetime | None = Field(default=None, sa_type=Instant)
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    starts_at: datetime = Field(sa_type=Instant, sa_column_args=[STARTS])
    minutes: int | None = Field(default=None, sa_type=Integer)
    account_id: UUID | None = None
    opportunity_id: UUID | None = None
    owner_id: UUID
    our_attendees: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=NOBODY)
    contact_ids: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid), sa_column_kwargs=NO_IDS)
    two_way: bool
    subject: str = Field(sa_type=Text)
    outcome: str | None = Field(default=None, sa_type=Text)
    next_step: str | None = Field(default=None, sa_type=Text)
    important: bool | None = None
    urgent: bool | None = None
