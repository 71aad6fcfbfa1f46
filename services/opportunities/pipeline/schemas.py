"""Deals as requests send them and answers show them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictInt

from services.kit.fields import (
    MAX_MONEY,
    Body,
    Count,
    Currency,
    Day,
    ExternalIds,
    ExternalIdsPatch,
    Flag,
    Id,
    Instant,
    Line,
    Name,
    Note,
    Paged,
    PastInstant,
    Read,
    Stamped,
)
from services.opportunities.pipeline.domain import (
    AwardStatus,
    BudgetStatus,
    BuyClass,
    EntryStrategy,
    GoDecision,
    LostReason,
    Position,
    ProcurementMode,
    Tactic,
)
from services.opportunities.policy import Stage, Status

Amount = Annotated[
    StrictInt, Field(ge=0, le=MAX_MONEY, description="Minor units of the currency, as ISO 4217 counts them.")
]
Percent = Annotated[StrictInt, Field(ge=0, le=100)]


class OpportunityFields(Body):
    """What people say of a deal; its stage and how it ends are moves."""

    name: Name
    account_id: Id | None = Field(default=None, description="May be unknown up to ENGAGEMENT.")
    product_id: Id | None = None
    amount: Amount | None = None
    currency: Currency = Field(default="USD", description="Of all amounts of the deal; ISO 4217.")
    expected_close_on: Day | None = None
    procurement_mode: ProcurementMode | None = None
    buy_class: BuyClass | None = None
    need_summary: Note | None = None
    budget_status: BudgetStatus = BudgetStatus.UNKNOWN
    funding_source: Line | None = None
    entry_strategy: EntryStrategy | None = None
    sponsor_contact_id: Id | None = Field(
        default=None, description="Who introduces us; may be outside the customer."
    )
    tactic: Tactic | None = None
    probability_override: Percent | None = Field(
        default=None, description="What somebody believes, beside what is computed."
    )
    go_decision: GoDecision = GoDecision.PENDING
    go_by: Id | None = Field(default=None, description="The member who decided.")
    shortlisted_at: PastInstant | None = None
    shortlist_evidence: Note | None = None
    tender_issued_at: PastInstant | None = None
    bid_deadline_at: Instant | None = None
    bid_submitted_at: PastInstant | None = None
    award_status: AwardStatus = AwardStatus.NONE
    contract_signed_at: PastInstant | None = None
    contract_amount: Amount | None = None
    credit_days: Count | None = None
    credit_limit: Amount | None = None
    no_known_competitor: Flag = False
    lost_to: Line | None = None


class OpportunityCreate(OpportunityFields):
    """A new deal, in TARGETING. Without an owner it is the creator's."""

    owner_id: Id | None = None
    stage_entered_at: PastInstant | None = Field(
        default=None, description="When a new one began; now unless given."
    )
    external_ids: ExternalIds = Field(default_factory=dict)


class OpportunityUpdate(OpportunityFields):
    """A merge patch of a deal: absent fields stay. Its stage is changed by moves alone."""

    name: Name = ""
    owner_id: Id = UUID(int=0)
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class OpportunityRead(Stamped):
    """A deal. A closed one keeps the stage that it closed in."""

    id: UUID
    name: str
    account_id: UUID | None
    owner_id: UUID
    product_id: UUID | None
    stage: Stage
    status: Status
    amount: int | None
    currency: str
    expected_close_on: date | None
    procurement_mode: ProcurementMode | None
    buy_class: BuyClass | None
    need_summary: str | None
    budget_status: BudgetStatus
    funding_source: str | None
    entry_strategy: EntryStrategy | None
    sponsor_contact_id: UUID | None
    tactic: Tactic | None
    probability_override: int | None
    go_decision: GoDecision
    go_by: UUID | None
    shortlisted_at: datetime | None
    shortlist_evidence: str | None
    tender_issued_at: datetime | None
    bid_deadline_at: datetime | None
    bid_submitted_at: datetime | None
    award_status: AwardStatus
    contract_signed_at: datetime | None
    contract_amount: int | None
    credit_days: int | None
    credit_limit: int | None
    no_known_competitor: bool
    lost_reason: LostReason | None
    lost_to: str | None
    stage_entered_at: datetime | None = Field(
        description="When it came to its stage, where the hour is known."
    )
    stage_entered_on: date | None
    closed_at: datetime | None
    closed_on: date | None
    external_ids: dict[str, str]


class OpportunityList(Paged):
    """A page of deals."""

    items: list[OpportunityRead]


class OpportunityFound(Read):
    """The deals that a lookup found."""

    items: list[OpportunityRead]


class StageMove(Body):
    """Where the deal goes: one step on, back (with a note), or out (LOST and ABANDONED with a reason)."""

    to: Position
    reason_code: LostReason | None = Field(default=None, description="Why it is LOST or ABANDONED.")
    note: Note | None = None
    moved_at: Instant | None = Field(default=None, description="When it happened; now unless given.")


class MoveRead(Read):
    """One move of a deal. `origin_minutes` says how long it had stood where it came from, null when unknown."""

    origin: Position
    to: Position
    stage: Stage
    status: Status
    reason_code: LostReason | None
    note: str | None
    moved_at: datetime | None
    moved_on: date | None
    origin_minutes: int | None
    moved_by: str
    imported: bool


class MoveList(Read):
    """All moves of a deal, oldest first."""

    items: list[MoveRead]


class SummaryLine(Read):
    """How many deals, and what they come to where it is known, for one value of each column they are summed by."""

    stage: Stage | None = None
    status: Status | None = None
    owner_id: UUID | None = None
    currency: str | None = None
    count: int
    amount: int | None


class Summary(Read):
    """Count and amounts of deals."""

    items: list[SummaryLine]
