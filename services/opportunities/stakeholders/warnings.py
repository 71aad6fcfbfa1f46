"""What is dangerous in a map of people: the warnings R01 to R09 (docs/method.md, "Warnings")."""

from dataclasses import dataclass
from enum import StrEnum

from services.opportunities.policy import Role, Stance
from services.opportunities.stakeholders.balance import Weighed, ids, in_order, roles_held
from services.opportunities.stakeholders.structure import Foothold, Picture


class WarningCode(StrEnum):
    """The warnings, in the order in which they are listed."""

    TOO_MANY_FRIENDS = "R01"
    EVALUATOR_ONLY = "R02"
    NO_FOOTHOLD = "R03"
    LOW_FOOTHOLD = "R04"
    UNMAPPED_ROLE = "R05"
    TOP_STANCE_UNKNOWN = "R06"
    OPPOSED_VETO = "R07"
    OPPOSITION_OUTWEIGHS = "R08"
    NO_COACH = "R09"


class Severity(StrEnum):
    """How soon somebody should act."""

    WARNING = "WARNING"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning: the roles it is about, in the method's order, and the people, heaviest first."""

    code: WarningCode
    severity: Severity
    roles: tuple[Role, ...] = ()
    contact_ids: tuple[str, ...] = ()


def warnings_in(picture: Picture) -> tuple[Warned, ...]:
    """The warnings of a map in the order of their codes, one a code at its highest severity."""
    found = (rule(picture) for rule in _RULES)
    return tuple(warned for warned in found if warned)


def _too_many_friends(picture: Picture) -> Warned | None:
    friends = picture.friends()
    if len(friends) <= picture.policy.most_friends:
        return None
    return Warned(WarningCode.TOO_MANY_FRIENDS, Severity.WARNING, contact_ids=ids(friends))


_EVALUATOR = frozenset({Role.EVALUATOR})


def _evaluator_only(picture: Picture) -> Warned | None:
    friends = [each for each in picture.friends() if Role.EVALUATOR in each.roles]
    if picture.foothold != Foothold.WEAK or not friends:
        return None
    return _about(WarningCode.EVALUATOR_ONLY, Severity.WARNING, friends, _EVALUATOR)


def _no_foothold(picture: Picture) -> Warned | None:
    if picture.foothold != Foothold.NONE:
        return None
    return Warned(WarningCode.NO_FOOTHOLD, Severity.WARNING)


def _low_foothold(picture: Picture) -> Warned | None:
    friends = picture.friends()
    if picture.foothold != Foothold.WEAK or _EVALUATOR & roles_held(friends):
        return None
    footholds = [each for each in friends if each.roles & picture.policy.buying_roles]
    return _about(WarningCode.LOW_FOOTHOLD, Severity.WARNING, footholds, picture.policy.buying_roles)


def _unmapped_role(picture: Picture) -> Warned | None:
    missing = picture.policy.core_roles - picture.held
    if not missing:
        return None
    severity = Severity.HIGH if missing & picture.policy.decision_roles else Severity.WARNING
    return Warned(WarningCode.UNMAPPED_ROLE, severity, roles=in_order(missing))


def _top_stance_unknown(picture: Picture) -> Warned | None:
    unknown = [
        each for each in picture.holders(*picture.policy.decision_roles) if each.stance == Stance.UNKNOWN
    ]
    if not unknown:
        return None
    return _about(WarningCode.TOP_STANCE_UNKNOWN, Severity.HIGH, unknown, picture.policy.decision_roles)


def _opposed_veto(picture: Picture) -> Warned | None:
    against = [each for each in picture.holders(*picture.policy.veto_roles) if each.points < 0]
    if not against:
        return None
    enemy = any(each.stance == Stance.ENEMY for each in against)
    severity = Severity.CRITICAL if enemy else Severity.HIGH
    return _about(WarningCode.OPPOSED_VETO, severity, against, picture.policy.veto_roles)


def _opposition_outweighs(picture: Picture) -> Warned | None:
    balance = picture.balance
    if not balance.opposition or balance.opposition < balance.support:
        return None
    return Warned(WarningCode.OPPOSITION_OUTWEIGHS, Severity.HIGH, contact_ids=ids(picture.opponents()))


def _no_coach(picture: Picture) -> Warned | None:
    if picture.stage.step < picture.policy.coach_from.step or Role.COACH in picture.held:
        return None
    return Warned(WarningCode.NO_COACH, Severity.WARNING, roles=(Role.COACH,))


def _about(code: WarningCode, severity: Severity, people: list[Weighed], roles: frozenset[Role]) -> Warned:
    """A warning about people in those of `roles` that they hold."""
    return Warned(code, severity, roles=in_order(roles_held(people) & roles), contact_ids=ids(people))


_RULES = (
    _too_many_friends,
    _evaluator_only,
    _no_foothold,
    _low_foothold,
    _unmapped_role,
    _top_stance_unknown,
    _opposed_veto,
    _opposition_outweighs,
    _no_coach,
)
