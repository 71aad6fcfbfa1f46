"""This service's part of an account's view."""

from datetime import date
from uuid import UUID

from services.kit.fields import Read
from services.opportunities.policy import Rating, Stage
from services.opportunities.stakeholders.schemas import NextMoveRead
from services.opportunities.stakeholders.structure import Foothold


class RelationshipShown(Read):
    """How we stand with the people of a deal, and what to do next."""

    score: int
    rating: Rating
    foothold: Foothold
    next_move: NextMoveRead


class DealShown(Read):
    """An open deal of the account. `probability` is in per cent."""

    id: UUID
    name: str
    stage: Stage
    amount: int | None
    currency: str
    probability: int
    owner_id: UUID
    expected_close_on: date | None
    relationship: RelationshipShown


class Total(Read):
    """What the open deals in a stage come to; the weighted amount is their amounts by their probabilities."""

    stage: Stage
    currency: str
    count: int
    amount: int | None
    weighted_amount: int | None


class AccountView(Read):
    """Up to 200 of the account's open deals, the largest first, and what all of them come to; totals count them."""

    deals: list[DealShown]
    totals: list[Total]
