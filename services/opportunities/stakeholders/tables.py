"""The map of people: what each person thinks of a deal, and what follows from it for the deal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.kit.rows import Instant, Row, deleted
from services.opportunities.tables import Base


class Stakeholder(Base, Row, table=True):
    """A person on a deal's map. Taken off the map the row is deleted, put back it lives on under its id."""

    __table_args__ = (
        deleted("stakeholder"),
        ForeignKeyConstraint(
            ["opportunity_id"], ["opportunity.id"], name="stakeholder__opportunity_id__unknown"
        ),
        Index("stakeholder__contact_id__mapped", "opportunity_id", "contact_id", unique=True),
        Index("stakeholder_person", "contact_id", postgresql_where=text("deleted_at IS NULL")),
    )

    opportunity_id: UUID
    contact_id: UUID
    roles: list[str] = Field(sa_type=JSONB)
    influence: str = Field(sa_type=Text)
    stance: str = Field(sa_type=Text)
    degree: int = Field(sa_type=Integer)
    stance_reason: str | None = Field(default=None, sa_type=Text)
    stance_note: str | None = Field(default=None, sa_type=Text)
    changeable: str | None = Field(default=None, sa_type=Text)
    stance_confirmed_at: datetime | None = Field(default=None, sa_type=Instant)


class MapPurged(Base, table=True):
    """What the versions of those add up to who were on a deal's map and were purged: the map's version counts them on.

    Triggers keep it. It refers to no deal, so that a purge waits for nobody who holds one.
    """

    __tablename__ = "map_purged"  # pyright: ignore[reportAssignmentType]

    opportunity_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=Integer)


class OpportunityStanding(Base, Row, table=True):
    """What is computed of a deal's map; its id is the deal's, and it is there from the deal's birth on."""

    __tablename__ = "opportunity_standing"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        deleted("opportunity_standing"),
        Index("opportunity_standing_due", "valid_until", postgresql_where=text("valid_until IS NOT NULL")),
    )

    weight_total: int = Field(sa_type=Integer)
    support: int = Field(sa_type=Integer)
    opposition: int = Field(sa_type=Integer)
    balance: int = Field(sa_type=Integer)
    score: int = Field(sa_type=Integer)
    foothold: str = Field(sa_type=Text)
    surface: str = Field(sa_type=Text)
    network: str = Field(sa_type=Text)
    rating: str = Field(sa_type=Text)
    probability: int = Field(sa_type=Integer)
    warnings: list[dict[str, Any]] = Field(sa_type=JSONB)
    next_move: dict[str, Any] = Field(sa_type=JSONB)
    valid_until: datetime | None = Field(default=None, sa_type=Instant)
