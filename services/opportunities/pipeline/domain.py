"""The five stages and how a deal moves between them (docs/method.md, "The five stages").

A move is a business fact with a time of its own: when it happened, not when we learnt of it.
These rules bind people; an import writes the moves it knows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.kit.problems import Conflict, FieldError, Invalid
from services.opportunities.policy import DEFAULT, Policy, Stage, Status


class Position(StrEnum):
    """Where a deal can stand, and so where it can be moved to: in one of the five stages, or closed."""

    TARGETING = "TARGETING"
    ENGAGEMENT = "ENGAGEMENT"
    SHORTLIST = "SHORTLIST"
    BIDDING = "BIDDING"
    CONTRACTING = "CONTRACTING"
    WON = "WON"
    LOST = "LOST"
    ABANDONED = "ABANDONED"


class LostReason(StrEnum):
    """Why a deal was lost or abandoned. UNKNOWN is for imports alone."""

    PRICE = "PRICE"
    TECH_FIT = "TECH_FIT"
    RELATIONSHIP = "RELATIONSHIP"
    LATE_ENTRY = "LATE_ENTRY"
    COMPETITOR_LOCK = "COMPETITOR_LOCK"
    NO_BUDGET = "NO_BUDGET"
    NO_DECISION = "NO_DECISION"
    COMPLIANCE = "COMPLIANCE"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class ProcurementMode(StrEnum):
    """How the customer buys."""

    PUBLIC_TENDER = "PUBLIC_TENDER"
    INVITED_TENDER = "INVITED_TENDER"
    NEGOTIATED = "NEGOTIATED"
    SINGLE_SOURCE = "SINGLE_SOURCE"
    DIRECT = "DIRECT"


class BuyClass(StrEnum):
    """What the customer knows of buying such a thing: new to it, changing supplier, or buying again."""

    NEW_TASK = "NEW_TASK"
    MODIFIED_REBUY = "MODIFIED_REBUY"
    STRAIGHT_REBUY = "STRAIGHT_REBUY"


class BudgetStatus(StrEnum):
    """What we know of the customer's money for the project."""

    UNKNOWN = "UNKNOWN"
    NONE = "NONE"
    PLANNED = "PLANNED"
    APPROVED = "APPROVED"
    FUNDED = "FUNDED"


class EntryStrategy(StrEnum):
    """The level at which we start: the approver, the deciders and evaluators, or the users."""

    TOP_DOWN = "TOP_DOWN"
    MIDDLE_OUT = "MIDDLE_OUT"
    BOTTOM_UP = "BOTTOM_UP"


class Tactic(StrEnum):
    """How we attack a rival's customer (the first three) or defend our own (the last three)."""

    GUERRILLA = "GUERRILLA"
    FLANK = "FLANK"
    FRONTAL = "FRONTAL"
    BARRIER = "BARRIER"
    DEPTH = "DEPTH"
    STRATEGIC = "STRATEGIC"


class GoDecision(StrEnum):
    """Whether a manager has let the deal go ahead."""

    PENDING = "PENDING"
    GO = "GO"
    NO_GO = "NO_GO"


class AwardStatus(StrEnum):
    """How far the customer's choice has come."""

    NONE = "NONE"
    SHORTLISTED = "SHORTLISTED"
    PREFERRED = "PREFERRED"
    AWARDED = "AWARDED"
    NOT_AWARDED = "NOT_AWARDED"


@dataclass(frozen=True, slots=True)
class Deal:
    """What a move looks at. A closed deal keeps the stage that it closed in."""

    stage: Stage
    status: Status
    account_id: UUID | None
    entered_at: datetime | None
    """When it came to where it stands now, a stage or its closing; unknown after some imports."""

    @property
    def position(self) -> Position:
        """The stage of an open deal, the status of a closed one."""
        return Position(self.stage if self.status == Status.OPEN else self.status)


@dataclass(frozen=True, slots=True)
class Move:
    """One move as it is kept; `origin_minutes` says how long the deal stood where it came from."""

    origin: Position
    to: Position
    stage: Stage
    status: Status
    reason_code: LostReason | None
    note: str | None
    moved_at: datetime
    origin_minutes: int | None


def advance(
    deal: Deal,
    to: Position,
    *,
    reason_code: LostReason | None = None,
    note: str | None = None,
    at: datetime | None = None,
    now: datetime,
    policy: Policy = DEFAULT,
) -> Move:
    """The move of a deal to another stage, to its closing, or back from it.

    `at` is the business time of the move; left out it is now, or the time of the last move should another
    machine's clock have been a moment ahead. Raises `Conflict` (`already_there`) when the deal stands there
    already, and `Invalid` naming every field that would have to be different.
    """
    if to == deal.position:
        raise Conflict("already_there", f"The deal is {to} already.")
    note = (note or "").strip() or None
    errors = [
        *_step_errors(deal, to),
        *_reason_errors(to, reason_code),
        *_note_errors(deal, to, note),
        *_account_errors(deal.account_id, to, policy),
        *_time_errors(deal, at, now),
    ]
    if errors:
        raise Invalid(errors)
    return _move(deal, to, reason_code, note, at or max(now, deal.entered_at or now))


def ways_on(deal: Deal) -> tuple[Position, ...]:
    """Where the deal can be moved to from where it stands, in the order of the stages."""
    if deal.status != Status.OPEN:
        return tuple(Position(stage) for stage in Stage if stage.step <= deal.stage.step)
    near = tuple(Position(each) for each in Stage if each != deal.stage and each.step <= deal.stage.step + 1)
    won = (Position.WON,) if deal.stage == Stage.CONTRACTING else ()
    return (*near, *won, Position.LOST, Position.ABANDONED)


def needs_account(to: Position | Stage, policy: Policy = DEFAULT) -> bool:
    """Whether a deal there must name its account: beyond ENGAGEMENT, and when won."""
    if to in _STAGES:
        return Stage(to).step > policy.account_free_until.step
    return to == Position.WON


_STAGES = frozenset(Stage)
_GIVEN_UP = frozenset({Position.LOST, Position.ABANDONED})


def _step_errors(deal: Deal, to: Position) -> list[FieldError]:
    ways = ways_on(deal)
    if to in ways:
        return []
    stands = "is open in" if deal.status == Status.OPEN else f"was closed as {deal.status} in"
    message = f"The deal {stands} {deal.stage}; from there it can go to {', '.join(ways)}."
    return [FieldError("to", "not_from_here", message)]


def _reason_errors(to: Position, reason_code: LostReason | None) -> list[FieldError]:
    if to not in _GIVEN_UP:
        message = "Only a move to LOST or ABANDONED has a reason_code; use note instead."
        return [FieldError("reason_code", "not_wanted", message)] if reason_code else []
    if reason_code and reason_code != LostReason.UNKNOWN:
        return []
    allowed = ", ".join(reason for reason in LostReason if reason != LostReason.UNKNOWN)
    return [FieldError("reason_code", "required", f"Say why the deal is {to}: one of {allowed}.")]


def _note_errors(deal: Deal, to: Position, note: str | None) -> list[FieldError]:
    if note or to not in _STAGES:
        return []
    if deal.status == Status.OPEN and Stage(to).step > deal.stage.step:
        return []
    what = "goes back" if deal.status == Status.OPEN else "is opened again"
    return [FieldError("note", "required", f"Say in a note why the deal {what}.")]


def _account_errors(account_id: UUID | None, to: Position, policy: Policy) -> list[FieldError]:
    if account_id or not needs_account(to, policy):
        return []
    message = f"A deal without an account goes no further than {policy.account_free_until}; set it first."
    return [FieldError("account_id", "required", message)]


def _time_errors(deal: Deal, at: datetime | None, now: datetime) -> list[FieldError]:
    if at is None:
        return []
    if at > now:
        message = f"A move lies in the past, not after {_instant(now)}."
        return [FieldError("moved_at", "in_future", message)]
    if deal.entered_at and at < deal.entered_at:
        message = f"The deal came to {deal.position} at {_instant(deal.entered_at)}; it cannot leave earlier."
        return [FieldError("moved_at", "before_last_move", message)]
    return []


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _move(deal: Deal, to: Position, reason_code: LostReason | None, note: str | None, at: datetime) -> Move:
    in_stage = to in _STAGES
    return Move(
        origin=deal.position,
        to=to,
        stage=Stage(to) if in_stage else deal.stage,
        status=Status.OPEN if in_stage else Status(to),
        reason_code=reason_code,
        note=note,
        moved_at=at,
        origin_minutes=None if deal.entered_at is None else (at - deal.entered_at) // timedelta(minutes=1),
    )
