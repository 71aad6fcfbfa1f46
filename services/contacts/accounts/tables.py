"""Accounts: the organisations that we sell to."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.contacts.tables import Base
from services.kit.rows import External, Row, deleted, live


class Account(Base, External, Row, table=True):
    """One organisation, with its owner and team among our people."""

    __table_args__ = (
        deleted("account"),
        ForeignKeyConstraint(["owner_id"], ["member.id"], name="account__owner_id__unknown"),
        ForeignKeyConstraint(
            ["parent_account_id"], ["account.id"], name="account__parent_account_id__unknown"
        ),
        CheckConstraint("parent_account_id <> id", name="account__parent_account_id__cycle"),
        Index("account_name", "name", "id"),
        Index("account_owner", "owner_id", "name", "id"),
        Index("account_parent", "parent_account_id", "name", "id"),
        Index("account_born", "created_at", "id"),
        live("account_kind", "account_kind", "name", "id"),
        live("account_industry", "industry", "name", "id"),
        live("account_region", "region", "name", "id"),
        live("account_target", "target_type", "name", "id", also="target_type IS NOT NULL"),
        live("account_employees_up", text("coalesce(employees, 9223372036854775807)"), "id"),
        live("account_employees_down", text("coalesce(employees, '-9223372036854775808'::bigint)"), "id"),
        live(
            "account_employees_name",
            text("coalesce((-employees)::bigint, 9223372036854775807)"),
            "name",
            "id",
        ),
        Index("account_search", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    name: str = Field(sa_type=Text)
    account_kind: str = Field(sa_type=Text)
    industry: str | None = Field(default=None, sa_type=Text)
    region: str | None = Field(default=None, sa_type=Text)
    website: str | None = Field(default=None, sa_type=Text)
    employees: int | None = Field(default=None, sa_type=Integer)
    annual_revenue: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    founded_year: int | None = Field(default=None, sa_type=Integer)
    office_location: str | None = Field(default=None, sa_type=Text)
    parent_account_id: UUID | None = None
    owner_id: UUID | None = None
    team: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")}
    )
    target_type: str | None = Field(default=None, sa_type=Text)
