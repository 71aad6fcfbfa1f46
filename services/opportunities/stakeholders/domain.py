"""What a deal's map of people says: where we stand, how likely we win, what is dangerous, what to do next.

docs/method.md, "The map of people". `evaluate` is pure and whole: the same people, links and policy give the
same answer in any order, and it is called in the transaction that changes any of them. `balance` weighs the
people, `structure` finds foothold, surface and network, `warnings` finds the dangers; this module reads them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from services.opportunities.policy import DEFAULT, Policy, Rating, Role, Stage, Stance, Status
from services.opportunities.stakeholders.balance import Person, ids
from services.opportunities.stakeholders.structure import (
    Foothold,
    Link,
    Network,
    Picture,
    Surface,
    picture_of,
)
from services.opportunities.stakeholders.warnings import Warned, warnings_in


class StanceReason(StrEnum):
    """Why a person stands where they stand: six reasons for us, six against, three for neither."""

    PRODUCT_FIT = "PRODUCT_FIT"
    PERSONAL_TRUST = "PERSONAL_TRUST"
    PERSONAL_GAIN_LEGIT = "PERSONAL_GAIN_LEGIT"
    PAST_SUCCESS = "PAST_SUCCESS"
    SPONSOR_VOUCH = "SPONSOR_VOUCH"
    FACTION_ALIGNED = "FACTION_ALIGNED"
    RIVAL_TIE = "RIVAL_TIE"
    FEARS_CHANGE = "FEARS_CHANGE"
    BAD_EXPERIENCE = "BAD_EXPERIENCE"
    PRICE = "PRICE"
    THREAT_TO_STANDING = "THREAT_TO_STANDING"
    FACTION_OPPOSED = "FACTION_OPPOSED"
    UNAFFECTED = "UNAFFECTED"
    NOT_INVOLVED = "NOT_INVOLVED"
    UNDECIDED = "UNDECIDED"


class Changeable(StrEnum):
    """Whether a stance can be changed at all."""

    YES = "YES"
    HARD = "HARD"
    NO = "NO"


class NextMoveCode(StrEnum):
    """The one thing to do next, by how far our support has come."""

    CHOOSE_ENTRY = "NM0"
    DEVELOP_FOOTHOLD = "NM1"
    MAKE_FRIEND = "NM2"
    RAISE_FOOTHOLD = "NM3"
    WIDEN = "NM4"
    LINK_SUPPORTERS = "NM5"
    MAINTAIN = "NM6"


@dataclass(frozen=True, slots=True)
class NextMove:
    """What to do next, and with whom, the first choice first."""

    code: NextMoveCode
    contact_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relationship:
    """All that is computed from a map: `balance` -100..100, `score` 0..100, `probability` in per cent."""

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
    warnings: tuple[Warned, ...]
    next_move: NextMove


def evaluate(
    stage: Stage,
    status: Status,
    people: Iterable[Person],
    links: Iterable[Link],
    policy: Policy = DEFAULT,
) -> Relationship:
    """The relationship of a deal in `stage` and `status` with these people (ids unique) and links.

    Links that cannot count, be they double, to oneself or to somebody else, are passed over; links that have
    faded are the caller's to leave out (`structure.links_at`).
    """
    picture = picture_of(stage, people, links, policy)
    balance = picture.balance
    rating = rating_of(picture)
    return Relationship(
        weight_total=balance.weight_total,
        support=balance.support,
        opposition=balance.opposition,
        balance=balance.balance,
        score=balance.score,
        foothold=picture.foothold,
        surface=picture.surface,
        network=picture.network,
        rating=rating,
        probability=policy.probability(stage, status, rating),
        warnings=warnings_in(picture),
        next_move=next_move_in(picture),
    )


def without_people(relationship: Relationship) -> Relationship:
    """The relationship as those see it who may not know who stands where.

    Of what is about people neither they are named nor their roles: a role often has one holder.
    """
    return replace(
        relationship,
        warnings=tuple(
            replace(warned, roles=(), contact_ids=()) if warned.contact_ids else warned
            for warned in relationship.warnings
        ),
        next_move=replace(relationship.next_move, contact_ids=()),
    )


def rating_of(picture: Picture) -> Rating:
    """The rating; the first that fits (docs/method.md, "Rating")."""
    if all(each.stance == Stance.UNKNOWN for each in picture.people):
        return Rating.UNKNOWN
    if _hostile(picture):
        return Rating.HOSTILE
    if _ideal(picture):
        return Rating.IDEAL
    ahead = picture.balance.support > picture.balance.opposition
    if ahead and _decider_carries(picture):
        approvers = [each.points for each in picture.holders(Role.APPROVER)]
        if any(points > 0 for points in approvers):
            return Rating.FAVOURABLE
        if all(points >= 0 for points in approvers):
            return Rating.SOLID
    return Rating.CONTESTED if ahead and picture.foothold != Foothold.NONE else Rating.WEAK


def next_move_in(picture: Picture) -> NextMove:
    """The next move (docs/method.md, "The next move")."""
    if not picture.people:
        return NextMove(NextMoveCode.CHOOSE_ENTRY)
    match picture.foothold:
        case Foothold.NONE:
            return NextMove(NextMoveCode.DEVELOP_FOOTHOLD, _winnable(picture, picture.policy.buying_roles))
        case Foothold.EMERGING:
            return NextMove(NextMoveCode.MAKE_FRIEND, _best_supporter(picture))
        case Foothold.WEAK:
            return NextMove(NextMoveCode.RAISE_FOOTHOLD, _winnable(picture, picture.policy.decision_roles))
        case Foothold.STRONG:
            return _next_from_strength(picture)


def _next_from_strength(picture: Picture) -> NextMove:
    if picture.surface != Surface.BROAD:
        neutral = (each for each in picture.people if each.stance == Stance.NEUTRAL)
        return NextMove(NextMoveCode.WIDEN, ids(neutral))
    if picture.network != Network.FORMED:
        return NextMove(NextMoveCode.LINK_SUPPORTERS, ids(picture.supporters()))
    return NextMove(NextMoveCode.MAINTAIN, ids(picture.opponents()))


def _hostile(picture: Picture) -> bool:
    top = {each.stance for each in picture.holders(*picture.policy.decision_roles)}
    opposed_above = Stance.ENEMY in top and Stance.FRIEND not in top
    return opposed_above or picture.balance.balance <= picture.policy.hostile_balance


def _ideal(picture: Picture) -> bool:
    core = picture.policy.core_roles
    friends_alone = all(each.stance == Stance.FRIEND for each in picture.holders(*core))
    return friends_alone and core <= picture.held


def _decider_carries(picture: Picture) -> bool:
    """A decision maker is our friend and nobody who can say no is our enemy."""
    deciders = picture.holders(Role.DECISION_MAKER)
    friend = any(each.stance == Stance.FRIEND for each in deciders)
    return friend and all(each.stance != Stance.ENEMY for each in picture.holders(*picture.policy.veto_roles))


def _winnable(picture: Picture, roles: frozenset[Role]) -> tuple[str, ...]:
    """Those in the roles who are not against us; who leans our way first, then the heaviest, then by id."""
    open_to_us = (each for each in picture.holders(*roles) if each.points >= 0)
    return ids(sorted(open_to_us, key=lambda each: (-each.points, -each.weight, each.id)))


def _best_supporter(picture: Picture) -> tuple[str, ...]:
    """The heaviest supporter with a buying role; of equally heavy ones a decision maker, then by id."""
    buying = picture.holders(*picture.policy.buying_roles)
    supporters = (each for each in buying if each.stance == Stance.SUPPORTER)
    best = min(supporters, key=lambda each: (-each.weight, Role.DECISION_MAKER not in each.roles, each.id))
    return (best.id,)
