"""What opportunities tells the world: deals and their moves, who stands where, what follows from it, products.

Notes stay at home, and so does what the customer needs, who pays for it, and what we would lend.
"""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from services.kit.events import PublicAggregate
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
from services.opportunities.policy import Influence, Rating, Role, Stage, Stance, Status
from services.opportunities.stakeholders.domain import NextMoveCode, StanceReason
from services.opportunities.stakeholders.structure import Foothold, Network, Surface
from services.opportunities.stakeholders.warnings import Severity, WarningCode


class MoveState(BaseModel):
    """A move of a deal as others know it; its note stays at home."""

    origin: Position
    to: Position
    stage: Stage
    status: Status
    reason_code: LostReason | None
    moved_at: datetime | None
    moved_on: date | None
    origin_minutes: int | None
    imported: bool


class OpportunityState(BaseModel):
    """A deal as others know it."""

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
    budget_status: BudgetStatus
    entry_strategy: EntryStrategy | None
    tactic: Tactic | None
    probability_override: int | None
    go_decision: GoDecision
    shortlisted_at: datetime | None
    tender_issued_at: datetime | None
    bid_deadline_at: datetime | None
    bid_submitted_at: datetime | None
    award_status: AwardStatus
    contract_signed_at: datetime | None
    contract_amount: int | None
    no_known_competitor: bool
    lost_reason: LostReason | None
    lost_to: str | None
    stage_entered_at: datetime | None
    stage_entered_on: date | None
    closed_at: datetime | None
    closed_on: date | None
    external_ids: dict[str, str]
    moves: list[MoveState]


class StakeholderState(BaseModel):
    """Where a person stands on a deal, for reporting; the note about it stays at home."""

    id: UUID
    opportunity_id: UUID
    contact_id: UUID
    roles: list[Role]
    influence: Influence
    stance: Stance
    degree: int
    stance_reason: StanceReason | None


class WarningState(BaseModel):
    """A danger in a deal's map."""

    code: WarningCode
    severity: Severity
    roles: list[Role]
    contact_ids: list[UUID]


class NextMoveState(BaseModel):
    """What to do next about a deal's map, and with whom."""

    code: NextMoveCode
    contact_ids: list[UUID]


class OpportunityStandingState(BaseModel):
    """What is computed of a deal's map; its id is the deal's."""

    id: UUID
    weight_total: int
    support: int
    opposition: int
    balance: int
    score: int
    foothold: Foothold
    surface: Surface
    network: Network
    rating: Rating
    probability: int
    warnings: list[WarningState]
    next_move: NextMoveState
    valid_until: datetime | None


class ProductState(BaseModel):
    """Something that we sell."""

    id: UUID
    name: str
    series: str | None
    list_price: int | None
    currency: str
    external_ids: dict[str, str]


PUBLIC = (
    PublicAggregate("opportunity", "opportunities", OpportunityState, facts=("stage_changed", "closed")),
    PublicAggregate("opportunity_standing", "opportunity-standings", OpportunityStandingState),
    # A person comes onto a map, and back onto it, by being mapped.
    PublicAggregate(
        "stakeholder",
        "stakeholders",
        StakeholderState,
        facts=("mapped", "stance_changed"),
        standard=("updated", "deleted", "restored", "erased"),
    ),
    PublicAggregate("product", "products", ProductState),
)
