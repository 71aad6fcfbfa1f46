"""What each person of a map weighs, and what support and opposition add up to.

docs/method.md, "Roles", "Stances" and "Score". Whole numbers only, halves rounded away from zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.opportunities.policy import DEFAULT_DEGREE, Influence, Policy, Role, Stance, rounded


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a deal's map: the roles held, the real influence, and the stance towards us."""

    id: str
    roles: frozenset[Role]
    influence: Influence
    stance: Stance
    degree: int = DEFAULT_DEGREE


@dataclass(frozen=True, slots=True)
class Weighed:
    """A person with the weight of role and influence, and the points of the stance."""

    id: str
    roles: frozenset[Role]
    stance: Stance
    degree: int
    weight: int
    points: int

    @property
    def pull(self) -> int:
        """Weight times points: what the person adds to support (above zero) or opposition (below)."""
        return self.weight * self.points


@dataclass(frozen=True, slots=True)
class Balance:
    """Support against opposition; `score` is 0..100, `balance` -100..100."""

    weight_total: int
    support: int
    opposition: int
    balance: int
    score: int


def weigh(people: Iterable[Person], policy: Policy) -> list[Weighed]:
    """The people with their weights and points, heaviest first, then by id."""
    weighed = [_weighed(person, policy) for person in people]
    return sorted(weighed, key=lambda each: (-each.weight, each.id))


def _weighed(person: Person, policy: Policy) -> Weighed:
    role_weight = max((policy.role_weights[role] for role in person.roles), default=0)
    return Weighed(
        id=person.id,
        roles=person.roles,
        stance=person.stance,
        degree=person.degree,
        weight=role_weight * policy.influence_factors[person.influence],
        points=policy.points(person.stance, person.degree),
    )


def add_up(people: Iterable[Weighed], policy: Policy) -> Balance:
    """Support, opposition, balance and score of a map (docs/method.md, "Score")."""
    people = tuple(people)
    weight_total = sum(each.weight for each in people)
    support = sum(each.pull for each in people if each.points > 0)
    opposition = -sum(each.pull for each in people if each.points < 0)
    return Balance(
        weight_total=weight_total,
        support=support,
        opposition=opposition,
        balance=rounded(100 * (support - opposition), support + opposition) if support + opposition else 0,
        score=_score(people, weight_total, support - opposition, policy),
    )


def _score(people: tuple[Weighed, ...], weight_total: int, surplus: int, policy: Policy) -> int:
    if not weight_total:
        return 0
    most = policy.most_points * weight_total
    held = roles_held(people)
    penalty = sum(points for role, points in policy.missing_role_penalties.items() if role not in held)
    return min(max(rounded(50 * (most + surplus), most) - penalty, 0), 100)


def ids(people: Iterable[Weighed]) -> tuple[str, ...]:
    """The people's ids in the order given."""
    return tuple(each.id for each in people)


def roles_held(people: Iterable[Weighed]) -> frozenset[Role]:
    """Every role that one of the people holds."""
    return frozenset[Role]().union(*(each.roles for each in people))


def in_order(roles: Iterable[Role]) -> tuple[Role, ...]:
    """The roles in the order of docs/method.md."""
    wanted = frozenset(roles)
    return tuple(role for role in Role if role in wanted)
