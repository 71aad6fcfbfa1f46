"""The people at our accounts, and how they stand to each other."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.contacts.tables import Base
from services.kit.rows import External, Instant, Row, deleted, live

EMPTY_LIST = {"server_default": text("'[]'")}


class Contact(Base, External, Row, table=True):
    """A person at the customer."""

    __table_args__ = (
        deleted("contact"),
        ForeignKeyConstraint(["account_id"], ["account.id"], name="contact__account_id__unknown"),
        Index("contact_name", "name", "id"),
        Index("contact_account", "account_id", "name", "id"),
        Index("contact_born", "created_at", "id"),
        live("contact_department", "department", "name", "id"),
        live("contact_level", "level", "name", "id"),
        live("contact_influence", "real_influence", "name", "id", also="real_influence IS NOT NULL"),
        live("contact_tenure_up", text("coalesce(tenure_end_on, 'infinity'::date)"), "id"),
        live("contact_tenure_down", text("coalesce(tenure_end_on, '-infinity'::date)"), "id"),
        Index("contact_search", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    account_id: UUID
    name: str = Field(sa_type=Text)
    title: str | None = Field(default=None, sa_type=Text)
    department: str = Field(sa_type=Text)
    level: str = Field(sa_type=Text)
    phones: list[Any] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=EMPTY_LIST)
    emails: list[Any] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=EMPTY_LIST)
    tenure_end_on: date | None = Field(default=None, sa_type=Date)
    real_influence: str | None = Field(default=None, sa_type=Text)
    public_official: bool = Field(sa_type=Boolean)
    preferred_channel: str | None = Field(default=None, sa_type=Text)
    do_not_contact: bool = Field(sa_type=Boolean)
    erased_at: datetime | None = Field(default=None, sa_type=Instant)
    erasure_reason: str | None = Field(default=None, sa_type=Text)


class ContactLink(Base, Row, table=True):
    """How one person stands to another, seen by us."""

    __tablename__ = "contact_link"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        deleted("contact_link"),
        ForeignKeyConstraint(
            ["from_contact_id"], ["contact.id"], name="contact_link__from_contact_id__unknown"
        ),
        ForeignKeyConstraint(["to_contact_id"], ["contact.id"], name="contact_link__to_contact_id__unknown"),
        CheckConstraint("from_contact_id <> to_contact_id", name="contact_link__to_contact_id__self"),
        Index("contact_link_from", "from_contact_id", "created_at", "id"),
        Index("contact_link_to", "to_contact_id", "kind"),
        Index(
            "contact_link__to_contact_id__linked",
            "from_contact_id",
            "to_contact_id",
            "kind",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    account_id: UUID
    from_contact_id: UUID
    to_contact_id: UUID
    kind: str = Field(sa_type=Text)
    note: str | None = Field(default=None, sa_type=Text)
