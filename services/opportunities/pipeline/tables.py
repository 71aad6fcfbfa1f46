"""Deals: what we try to sell to whom, and how far we are."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, ForeignKeyConstraint, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.kit.rows import External, Instant, Row
from services.opportunities.tables import Base

NO_MOVES = {"server_default": text("'[]'")}


class Opportunity(Base, External, Row, table=True):
    """One deal. Stage, status, the times and the reason of their change, and `moves` are written by moves alone."""

    __table_args__ = (
        ForeignKeyConstraint(["product_id"], ["product.id"], name="opportunity__product_id__unknown"),
        Index("opportunity_born", "created_at", "id"),
        Index("opportunity_name", "name", "id"),
        Index("opportunity_status", "status", "created_at", "id"),
        Index("opportunity_stage", "stage", "status", "created_at", "id"),
        Index("opportunity_owner", "owner_id", "stage", "created_at", "id"),
        Index("opportunity_account", "account_id", "status", "created_at", "id"),
        Index("opportunity_product", "product_id", "created_at", "id"),
        Index("opportunity_amount_up", text("coalesce(amount, 9223372036854775807)"), "id"),
        Index("opportunity_amount_down", text("coalesce(amount, '-9223372036854775808'::bigint)"), "id"),
        Index("opportunity_close_up", text("coalesce(expected_close_on, 'infinity'::date)"), "id"),
        Index("opportunity_close_down", text("coalesce(expected_close_on, '-infinity'::date)"), "id"),
        Index("opportunity_closed", "closed_on", postgresql_where=text("closed_on IS NOT NULL")),
        Index("opportunity_search", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    name: str = Field(sa_type=Text)
    account_id: UUID | None = None
    owner_id: UUID
    product_id: UUID | None = None
    stage: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    amount: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    expected_close_on: date | None = Field(default=None, sa_type=Date)
    procurement_mode: str | None = Field(default=None, sa_type=Text)
    buy_class: str | None = Field(default=None, sa_type=Text)
    need_summary: str | None = Field(default=None, sa_type=Text)
    budget_status: str = Field(sa_type=Text)
    funding_source: str | None = Field(default=None, sa_type=Text)
    entry_strategy: str | None = Field(default=None, sa_type=Text)
    sponsor_contact_id: UUID | None = None
    tactic: str | None = Field(default=None, sa_type=Text)
    probability_override: int | None = Field(default=None, sa_type=Integer)
    go_decision: str = Field(sa_type=Text)
    go_by: UUID | None = None
    shortlisted_at: datetime | None = Field(default=None, sa_type=Instant)
    shortlist_evidence: str | None = Field(default=None, sa_type=Text)
    tender_issued_at: datetime | None = Field(default=None, sa_type=Instant)
    bid_deadline_at: datetime | None = Field(default=None, sa_type=Instant)
    bid_submitted_at: datetime | None = Field(default=None, sa_type=Instant)
    award_status: str = Field(sa_type=Text)
    contract_signed_at: datetime | None = Field(default=None, sa_type=Instant)
    contract_amount: int | None = Field(default=None, sa_type=BigInteger)
    credit_days: int | None = Field(default=None, sa_type=Integer)
    credit_limit: int | None = Field(default=None, sa_type=BigInteger)
    no_known_competitor: bool = Field(sa_type=Boolean)
    lost_reason: str | None = Field(default=None, sa_type=Text)
    lost_to: str | None = Field(default=None, sa_type=Text)
    stage_entered_at: datetime | None = Field(default=None, sa_type=Instant)
    stage_entered_on: date | None = Field(default=None, sa_type=Date)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    closed_on: date | None = Field(default=None, sa_type=Date)
    moves: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=NO_MOVES)
