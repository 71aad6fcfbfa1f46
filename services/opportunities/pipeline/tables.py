"""Deals: what we try to sell to whom, and how far we are."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.kit.rows import External, Instant, Row, deleted, live
from services.opportunities.tables import Base

# What is not known comes last in both directions: see kit/filters.py.
CLOSE_UP = text("coalesce(expected_close_on, 'infinity'::date)")
AMOUNT_DOWN = text("coalesce(amount, '-9223372036854775808'::bigint)")
AMOUNT_FALLING = text("coalesce(-amount, 9223372036854775807)")
NO_MOVES = {"server_default": text("'[]'")}


class Opportunity(Base, External, Row, table=True):
    """One deal. Stage, status, the times and the reason of their change, and `moves` are written by moves alone.

    Of a product that was purged it keeps the id.
    """

    __table_args__ = (
        deleted("opportunity"),
        Index("opportunity_born", "created_at", "id"),
        Index("opportunity_name", "name", "id"),
        Index("opportunity_status", "status", "created_at", "id"),
        live("opportunity_stage", "stage", "created_at", "id"),
        live("opportunity_status_close", "status", CLOSE_UP, "id"),
        live("opportunity_status_amount", "status", AMOUNT_DOWN, "id"),
        Index("opportunity_owner", "owner_id", "stage", "created_at", "id"),
        live("opportunity_owner_born", "owner_id", "created_at", "id"),
        live("opportunity_owner_close", "owner_id", CLOSE_UP, "id"),
        live("opportunity_owner_amount", "owner_id", AMOUNT_DOWN, "id"),
        Index("opportunity_account", "account_id", "status", "created_at", "id"),
        Index("opportunity_product", "product_id", "created_at", "id"),
        Index("opportunity_amount_up", text("coalesce(amount, 9223372036854775807)"), "id"),
        Index("opportunity_amount_down", AMOUNT_DOWN, "id"),
        Index("opportunity_close_up", CLOSE_UP, "id"),
        Index("opportunity_close_down", text("coalesce(expected_close_on, '-infinity'::date)"), "id"),
        live("opportunity_amount_name", AMOUNT_FALLING, "name", "id"),
        live("opportunity_close_amount", CLOSE_UP, AMOUNT_FALLING, "id"),
        live("opportunity_closed_up", text("coalesce(closed_on, 'infinity'::date)"), "id"),
        live("opportunity_closed_down", text("coalesce(closed_on, '-infinity'::date)"), "id"),
        live("opportunity_lost", "lost_reason", "created_at", "id", also="lost_reason IS NOT NULL"),
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
