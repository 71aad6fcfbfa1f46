"""The base of this service's tables, and its copies of what other services own.

No row here refers to a copy by a foreign key: copies come and go with the events of their owners.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.kit.rows import Instant

# An index that finds rows by their ids elsewhere; one that is looked up as often as it grows keeps nothing pending.
BY_SOURCE: dict[str, Any] = {
    "postgresql_using": "gin",
    "postgresql_ops": {"external_ids": "jsonb_path_ops"},
    "postgresql_with": {"fastupdate": "off"},
}


class Base(SQLModel, registry=registry()):
    """Tables of opportunities."""


class Kept(SQLModel):
    """The columns of every copy: what it is a copy of, at which version, and whether that is gone, or for ever."""

    id: UUID = Field(primary_key=True)
    version: int
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    erased: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs={"server_default": text("false")})


class Member(Base, Kept, table=True):
    """A copy of one of our people: who they are, and whom they report to."""

    __table_args__ = (
        Index("member_email", text("lower(email)")),
        Index("member_subject", "subject"),
        Index("member_manager", "manager_id"),
        Index("member_source", "external_ids", **BY_SOURCE),
    )

    name: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)
    subject: str | None = Field(default=None, sa_type=Text)
    function: str = Field(sa_type=Text)
    manager_id: UUID | None = None
    active: bool = Field(sa_type=Boolean)
    external_ids: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)


class Account(Base, Kept, table=True):
    """A copy of an account: its owner and team decide who sees its deals."""

    __table_args__ = (
        Index("account_source", "external_ids", **BY_SOURCE),
        Index("account_gone", "id", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    name: str = Field(sa_type=Text)
    owner_id: UUID | None = None
    team: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    external_ids: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)


class Contact(Base, Kept, table=True):
    """A copy of a person at an account."""

    account_id: UUID
    name: str = Field(sa_type=Text)
    former_names: list[str] = Field(sa_type=ARRAY(Text), sa_column_kwargs={"server_default": text("'{}'")})
    known_from_start: bool = Field(sa_type=Boolean, sa_column_kwargs={"server_default": text("false")})
    title: str | None = Field(default=None, sa_type=Text)
    department: str = Field(sa_type=Text)
    level: str = Field(sa_type=Text)


class ContactLink(Base, Kept, table=True):
    """A copy of how one person at the customer stands to another."""

    __tablename__ = "contact_link"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index(
            "contact_link_allies",
            "from_contact_id",
            "to_contact_id",
            postgresql_where=text("kind = 'ALLY' AND deleted_at IS NULL"),
        ),
    )

    from_contact_id: UUID
    to_contact_id: UUID
    kind: str = Field(sa_type=Text)


class JointActivity(Base, Kept, table=True):
    """What a meeting logged as done tells: which people of the customer took part in it together, and when.

    Kept for meetings of two of them or more; `deleted_at` also says that a meeting is no longer one of these.
    """

    __tablename__ = "joint_activity"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index(
            "joint_activity_people",
            "contact_ids",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )

    contact_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))
    happened_at: datetime = Field(sa_type=Instant)
