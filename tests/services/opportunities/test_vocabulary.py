"""The codes of opportunities are the method's: they never change, whatever the labels do."""

from enum import StrEnum

import pytest

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
from services.opportunities.stakeholders.domain import Changeable, NextMoveCode, StanceReason
from services.opportunities.stakeholders.structure import Foothold, Network, Surface
from services.opportunities.stakeholders.warnings import Severity, WarningCode


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (Stage, "TARGETING ENGAGEMENT SHORTLIST BIDDING CONTRACTING"),
        (Status, "OPEN WON LOST ABANDONED"),
        (Position, "TARGETING ENGAGEMENT SHORTLIST BIDDING CONTRACTING WON LOST ABANDONED"),
        (
            LostReason,
            "PRICE TECH_FIT RELATIONSHIP LATE_ENTRY COMPETITOR_LOCK NO_BUDGET NO_DECISION COMPLIANCE OTHER"
            " UNKNOWN",
        ),
        (ProcurementMode, "PUBLIC_TENDER INVITED_TENDER NEGOTIATED SINGLE_SOURCE DIRECT"),
        (BuyClass, "NEW_TASK MODIFIED_REBUY STRAIGHT_REBUY"),
        (BudgetStatus, "UNKNOWN NONE PLANNED APPROVED FUNDED"),
        (EntryStrategy, "TOP_DOWN MIDDLE_OUT BOTTOM_UP"),
        (Tactic, "GUERRILLA FLANK FRONTAL BARRIER DEPTH STRATEGIC"),
        (GoDecision, "PENDING GO NO_GO"),
        (AwardStatus, "NONE SHORTLISTED PREFERRED AWARDED NOT_AWARDED"),
        (
            Role,
            "APPROVER DECISION_MAKER EVALUATOR USER PROCUREMENT FINANCE COACH SPONSOR GATEKEEPER INFLUENCER",
        ),
        (Influence, "L M H"),
        (Stance, "FRIEND SUPPORTER NEUTRAL OPPONENT ENEMY UNKNOWN"),
        (
            StanceReason,
            "PRODUCT_FIT PERSONAL_TRUST PERSONAL_GAIN_LEGIT PAST_SUCCESS SPONSOR_VOUCH FACTION_ALIGNED"
            " RIVAL_TIE FEARS_CHANGE BAD_EXPERIENCE PRICE THREAT_TO_STANDING FACTION_OPPOSED"
            " UNAFFECTED NOT_INVOLVED UNDECIDED",
        ),
        (Changeable, "YES HARD NO"),
        (Rating, "IDEAL FAVOURABLE SOLID CONTESTED UNKNOWN WEAK HOSTILE"),
        (Foothold, "NONE EMERGING WEAK STRONG"),
        (Surface, "NONE POINT NARROW BROAD"),
        (Network, "NONE PARTIAL FORMED"),
        (Severity, "WARNING HIGH CRITICAL"),
        (WarningCode, "R01 R02 R03 R04 R05 R06 R07 R08 R09"),
        (NextMoveCode, "NM0 NM1 NM2 NM3 NM4 NM5 NM6"),
    ],
)
def test_every_code_stays_as_it_is(words: type[StrEnum], codes: str) -> None:
    assert list(words) == codes.split()
