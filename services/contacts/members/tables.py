"""Members: our own people, with the reporting line that decides who sees what."""

from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field

from services.contacts.tables import Base
from services.kit.rows import External, Row, deleted, live


class Member(Base, External, Row, table=True):
    """One of our people."""

    __table_args__ = (
        deleted("member"),
        ForeignKeyConstraint(["manager_id"], ["member.id"], name="member__manager_id__unknown"),
        CheckConstraint("manager_id <> id", name="member__manager_id__cycle"),
        Index("member__email__taken", text("lower(email)"), unique=True),
        Index("member__subject__taken", "subject", unique=True),
        Index("member_name", "name", "id"),
        Index("member_manager", "manager_id", "name", "id"),
        live("member_function", "function", "name", "id"),
        live("member_active", "active", "name", "id"),
        Index("member_search", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    email: str = Field(sa_type=Text)
    subject: str | None = Field(default=None, sa_type=Text)
    name: str = Field(sa_type=Text)
    function: str = Field(sa_type=Text)
    manager_id: UUID | None = None
    active: bool = Field(sa_type=Boolean)
