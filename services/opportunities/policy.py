"""The numbers of the method for deals, and the words they are keyed by.

Every weight, percentage and threshold of docs/method.md that this service computes with stands here, so that
an organisation can set its own in a file (`read_policy`) without touching a rule. Whole numbers only: a score
must come out the same on every machine, for ever.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

Word = TypeVar("Word", bound=StrEnum)


class Stage(StrEnum):
    """The five stages, in their fixed order (docs/method.md, "The five stages")."""

    TARGETING = "TARGETING"
    ENGAGEMENT = "ENGAGEMENT"
    SHORTLIST = "SHORTLIST"
    BIDDING = "BIDDING"
    CONTRACTING = "CONTRACTING"

    @property
    def step(self) -> int:
        """1 for TARGETING to 5 for CONTRACTING."""
        return _STEPS[self]


_STEPS: Mapping[Stage, int] = {stage: step for step, stage in enumerate(Stage, start=1)}


class Status(StrEnum):
    """Whether a deal is still being worked on, and how it ended."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"
    ABANDONED = "ABANDONED"


class Role(StrEnum):
    """What a person is in the customer's decision (docs/method.md, "Roles")."""

    APPROVER = "APPROVER"
    DECISION_MAKER = "DECISION_MAKER"
    EVALUATOR = "EVALUATOR"
    USER = "USER"
    PROCUREMENT = "PROCUREMENT"
    FINANCE = "FINANCE"
    COACH = "COACH"
    SPONSOR = "SPONSOR"
    GATEKEEPER = "GATEKEEPER"
    INFLUENCER = "INFLUENCER"


class Influence(StrEnum):
    """Real influence on the decision, whatever the title says."""

    L = "L"
    M = "M"
    H = "H"


class Stance(StrEnum):
    """Where a person stands towards us on one deal (docs/method.md, "Stances")."""

    FRIEND = "FRIEND"
    SUPPORTER = "SUPPORTER"
    NEUTRAL = "NEUTRAL"
    OPPONENT = "OPPONENT"
    ENEMY = "ENEMY"
    UNKNOWN = "UNKNOWN"


class Rating(StrEnum):
    """How a deal's map of people reads as a whole (docs/method.md, "Rating")."""

    IDEAL = "IDEAL"
    FAVOURABLE = "FAVOURABLE"
    SOLID = "SOLID"
    CONTESTED = "CONTESTED"
    UNKNOWN = "UNKNOWN"
    WEAK = "WEAK"
    HOSTILE = "HOSTILE"


LOWEST_DEGREE, DEFAULT_DEGREE, HIGHEST_DEGREE = 1, 2, 3
"""How strongly a stance is held: slight, clear, strong."""

_SIGNS: Mapping[Stance, int] = {
    Stance.FRIEND: 1,
    Stance.SUPPORTER: 1,
    Stance.NEUTRAL: 0,
    Stance.OPPONENT: -1,
    Stance.ENEMY: -1,
    Stance.UNKNOWN: 0,
}


def rounded(numerator: int, denominator: int) -> int:
    """The quotient as a whole number, halves away from zero; the denominator is positive."""
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


class PolicyError(ValueError):
    """A policy file that cannot be used; the message names the file, the key, and what would be right."""


def _number(default: int, lowest: int, highest: int) -> int:
    return field(default=default, metadata={"range": (lowest, highest)})


def _table(default: dict[Word, int], lowest: int, highest: int) -> Mapping[Word, int]:
    frozen = MappingProxyType(default)
    return field(default_factory=lambda: frozen, metadata={"range": (lowest, highest)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers of docs/method.md; the defaults are its own."""

    stage_probabilities: Mapping[Stage, int] = _table(
        {
            Stage.TARGETING: 10,
            Stage.ENGAGEMENT: 25,
            Stage.SHORTLIST: 45,
            Stage.BIDDING: 65,
            Stage.CONTRACTING: 90,
        },
        0,
        100,
    )
    """Per cent: the chance to win while in the stage, before the people are looked at."""
    rating_factors: Mapping[Rating, int] = _table(
        {
            Rating.IDEAL: 120,
            Rating.FAVOURABLE: 115,
            Rating.SOLID: 105,
            Rating.CONTESTED: 85,
            Rating.UNKNOWN: 70,
            Rating.WEAK: 60,
            Rating.HOSTILE: 25,
        },
        0,
        1000,
    )
    """Per cent by which the rating multiplies the probability of the stage."""
    lowest_probability: int = _number(1, 0, 100)
    highest_probability: int = _number(95, 0, 100)
    """An open deal is never certain, one way or the other."""

    role_weights: Mapping[Role, int] = _table(
        {
            Role.APPROVER: 5,
            Role.DECISION_MAKER: 5,
            Role.EVALUATOR: 3,
            Role.PROCUREMENT: 3,
            Role.FINANCE: 2,
            Role.USER: 2,
            Role.INFLUENCER: 2,
            Role.COACH: 1,
            Role.GATEKEEPER: 1,
            Role.SPONSOR: 0,
        },
        0,
        100,
    )
    influence_factors: Mapping[Influence, int] = _table(
        {Influence.L: 1, Influence.M: 2, Influence.H: 3}, 1, 100
    )
    stance_magnitudes: Mapping[Stance, int] = _table(
        {Stance.FRIEND: 4, Stance.SUPPORTER: 2, Stance.OPPONENT: 2, Stance.ENEMY: 4}, 2, 100
    )
    """Points of a clearly held stance (degree 2), before the sign."""
    core_roles: frozenset[Role] = frozenset({Role.APPROVER, Role.DECISION_MAKER, Role.EVALUATOR, Role.USER})
    decision_roles: frozenset[Role] = frozenset({Role.APPROVER, Role.DECISION_MAKER})
    buying_roles: frozenset[Role] = frozenset(
        {Role.APPROVER, Role.DECISION_MAKER, Role.EVALUATOR, Role.USER, Role.PROCUREMENT, Role.FINANCE}
    )
    veto_roles: frozenset[Role] = frozenset(
        {Role.APPROVER, Role.DECISION_MAKER, Role.EVALUATOR, Role.PROCUREMENT, Role.FINANCE}
    )
    missing_role_penalties: Mapping[Role, int] = _table(
        {Role.APPROVER: 10, Role.DECISION_MAKER: 10, Role.EVALUATOR: 5, Role.USER: 5}, 0, 100
    )
    """Points off the score for a role that nobody holds."""

    foothold_degree: int = _number(2, LOWEST_DEGREE, HIGHEST_DEGREE)
    """How strongly a supporter must be for us to be an emerging foothold."""
    broad_surface_roles: int = _number(3, 2, len(Role))
    """Core roles with a person for us that make the surface BROAD."""
    network_roles: int = _number(3, 1, len(Role))
    """Core roles that one linked group must cover to be a FORMED network."""
    network_days: int = _number(180, 1, 3650)
    """Days, today included, for which a joint activity keeps two people linked."""
    hostile_balance: int = _number(-50, -100, 0)
    """At this balance or below it the map is HOSTILE."""
    most_friends: int = _number(2, 0, 1000)
    """More friends than this collide with each other."""
    coach_from: Stage = Stage.ENGAGEMENT
    """The stage from which the want of a coach is a warning."""
    account_free_until: Stage = Stage.ENGAGEMENT
    """The last stage in which a deal may have no account."""

    def __post_init__(self) -> None:
        if self.lowest_probability > self.highest_probability:
            raise PolicyError("lowest_probability: must not be above highest_probability")

    @property
    def most_points(self) -> int:
        """The points of the most strongly held stance: 5 by default."""
        return max(self.stance_magnitudes.values()) + HIGHEST_DEGREE - DEFAULT_DEGREE

    def points(self, stance: Stance, degree: int) -> int:
        """Points of a stance, -5..+5 by default (docs/method.md, "Stances"); NEUTRAL and UNKNOWN are 0."""
        sign = _SIGNS[stance]
        return sign * (self.stance_magnitudes[stance] + degree - DEFAULT_DEGREE) if sign else 0

    def probability(self, stage: Stage, status: Status, rating: Rating) -> int:
        """The chance to win, in per cent (docs/method.md, "Probability"): 100 when won, 0 when lost."""
        if status != Status.OPEN:
            return 100 if status == Status.WON else 0
        adjusted = rounded(self.stage_probabilities[stage] * self.rating_factors[rating], 100)
        return min(max(adjusted, self.lowest_probability), self.highest_probability)


DEFAULT = Policy()


def read_policy(path: Path) -> Policy:
    """The default policy with the keys that a JSON or TOML file sets; tables may be given in part.

    Raises `PolicyError` naming the file, the key and what would be right.
    """
    try:
        return policy_from(_parsed(path))
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error


@lru_cache
def policy_of(file: str | None) -> Policy:
    """The policy of an organisation: the default one, or what its file says. Read once; see `read_policy`."""
    return DEFAULT if file is None else read_policy(Path(file))


def policy_from(settings: Mapping[str, object]) -> Policy:
    """The default policy with `settings` laid over it; raises `PolicyError` naming the first wrong key."""
    known = {each.name: each for each in fields(Policy)}
    changes: dict[str, Any] = {}
    for key, raw in settings.items():
        if key not in known:
            raise PolicyError(f"{key}: no such key; there are {', '.join(known)}")
        bounds = cast("tuple[int, int]", known[key].metadata.get("range", (0, 0)))
        changes[key] = _read(key, getattr(DEFAULT, key), raw, bounds)
    return replace(DEFAULT, **changes)


def _parsed(path: Path) -> Mapping[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        parsed: object = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise PolicyError(f"cannot be read: {error}") from error
    if not isinstance(parsed, dict):
        raise PolicyError("must hold one object with the policy's keys")
    return cast("dict[str, object]", parsed)


def _read(key: str, default: object, raw: object, bounds: tuple[int, int]) -> object:
    """`raw` in the shape that the default of its key has: a table, a set of roles, a stage or a number."""
    match default:
        case Mapping():
            return _read_table(key, cast("Mapping[StrEnum, int]", default), raw, bounds)
        case frozenset():
            return frozenset(
                _read_word(f"{key}[{at}]", Role, each) for at, each in enumerate(_listed(key, raw))
            )
        case Stage():
            return _read_word(key, Stage, raw)
        case _:
            return _read_number(key, raw, bounds)


def _read_table(
    key: str, default: Mapping[StrEnum, int], raw: object, bounds: tuple[int, int]
) -> Mapping[StrEnum, int]:
    if not isinstance(raw, dict):
        raise PolicyError(f"{key}: must be a table of whole numbers by {', '.join(default)}")
    merged = dict(default)
    for name, value in cast("dict[str, object]", raw).items():
        word = next((word for word in default if word == name), None)
        if word is None:
            raise PolicyError(f"{key}.{name}: no such entry; there are {', '.join(default)}")
        merged[word] = _read_number(f"{key}.{name}", value, bounds)
    return MappingProxyType(merged)


def _listed(key: str, raw: object) -> list[object]:
    if not isinstance(raw, list) or not raw:
        raise PolicyError(f"{key}: must be a list of roles, each one of {', '.join(Role)}")
    return cast("list[object]", raw)


def _read_word(key: str, words: type[Word], raw: object) -> Word:
    word = next((word for word in words if word == raw), None)
    if word is None:
        raise PolicyError(f"{key}: must be one of {', '.join(words)}, not {raw!r}")
    return word


def _read_number(key: str, raw: object, bounds: tuple[int, int]) -> int:
    lowest, highest = bounds
    if isinstance(raw, bool) or not isinstance(raw, int) or not lowest <= raw <= highest:
        raise PolicyError(f"{key}: must be a whole number from {lowest} to {highest}, not {raw!r}")
    return raw
