"""Maps of people as the tests of the method write them, and the worked scenarios of docs/method.md."""

from dataclasses import dataclass

from services.opportunities.policy import Influence, Role, Stage, Stance, Status
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import Relationship, evaluate
from services.opportunities.stakeholders.structure import Link


def person(notation: str, person_id: str | None = None) -> Person:
    """A person written as ROLE+ROLE/influence/STANCE/degree, the degree 2 if left out."""
    roles, influence, stance, *degree = notation.split("/")
    return Person(
        id=person_id or roles,
        roles=frozenset(Role(role) for role in roles.split("+")),
        influence=Influence(influence),
        stance=Stance(stance),
        degree=int(degree[0]) if degree else 2,
    )


def read(
    *notations: str,
    links: tuple[Link, ...] = (),
    stage: Stage = Stage.ENGAGEMENT,
    status: Status = Status.OPEN,
) -> Relationship:
    """What the map of these people says."""
    return evaluate(stage, status, [person(each) for each in notations], links)


def warned(reading: Relationship) -> str:
    """The codes of its warnings."""
    return " ".join(each.code for each in reading.warnings)


@dataclass(frozen=True)
class Scenario:
    """A map and its reading: weight, support, opposition, balance, score; foothold, surface, network."""

    people: tuple[str, ...]
    links: tuple[Link, ...]
    numbers: tuple[int, int, int, int, int]
    structure: tuple[str, str, str]
    rating: str
    warnings: str
    next_move: str


SCENARIOS = {
    "RS1": Scenario(
        (
            "APPROVER/H/SUPPORTER",
            "DECISION_MAKER/H/FRIEND",
            "EVALUATOR/M/NEUTRAL",
            "USER+COACH/L/SUPPORTER/1",
        ),
        (),
        (38, 92, 0, 100, 74),
        ("STRONG", "BROAD", "NONE"),
        "FAVOURABLE",
        "",
        "NM5",
    ),
    "RS2": Scenario(
        ("APPROVER/H/UNKNOWN", "DECISION_MAKER/H/NEUTRAL", "EVALUATOR+COACH/H/FRIEND", "USER/M/NEUTRAL"),
        (),
        (43, 36, 0, 100, 58),
        ("WEAK", "POINT", "NONE"),
        "CONTESTED",
        "R02 R06",
        "NM3",
    ),
    "RS3": Scenario(
        ("APPROVER/H/NEUTRAL", "DECISION_MAKER/H/FRIEND", "EVALUATOR/M/OPPONENT", "USER+COACH/M/SUPPORTER"),
        (),
        (40, 68, 12, 70, 64),
        ("STRONG", "NARROW", "NONE"),
        "SOLID",
        "R07",
        "NM4",
    ),
    "RS4": Scenario(
        ("APPROVER/H/NEUTRAL", "DECISION_MAKER/H/FRIEND", "EVALUATOR/M/FRIEND", "USER+COACH/M/FRIEND"),
        (("DECISION_MAKER", "EVALUATOR"), ("EVALUATOR", "USER+COACH")),
        (40, 100, 0, 100, 75),
        ("STRONG", "BROAD", "FORMED"),
        "SOLID",
        "R01",
        "NM6",
    ),
    "RS5": Scenario(
        ("APPROVER/H/FRIEND", "DECISION_MAKER/H/FRIEND", "EVALUATOR/M/FRIEND", "USER+COACH/L/FRIEND"),
        (),
        (38, 152, 0, 100, 90),
        ("STRONG", "BROAD", "NONE"),
        "IDEAL",
        "R01",
        "NM5",
    ),
    "RS6": Scenario(
        ("APPROVER/H/ENEMY", "DECISION_MAKER/M/NEUTRAL", "EVALUATOR/M/SUPPORTER", "USER+COACH/M/FRIEND"),
        (),
        (35, 28, 60, -36, 41),
        ("WEAK", "NARROW", "NONE"),
        "HOSTILE",
        "R04 R07 R08",
        "NM3",
    ),
    "RS7": Scenario(
        ("DECISION_MAKER/H/UNKNOWN", "EVALUATOR/M/SUPPORTER/1", "USER/M/FRIEND"),
        (),
        (25, 22, 0, 100, 49),
        ("WEAK", "NARROW", "NONE"),
        "CONTESTED",
        "R04 R05 R06 R09",
        "NM3",
    ),
    "RS8": Scenario(
        (
            "APPROVER/M/NEUTRAL",
            "DECISION_MAKER/M/SUPPORTER/1",
            "EVALUATOR/H/ENEMY",
            "PROCUREMENT/M/OPPONENT",
            "USER+COACH/L/SUPPORTER",
        ),
        (),
        (37, 14, 48, -55, 41),
        ("EMERGING", "NARROW", "NONE"),
        "HOSTILE",
        "R07 R08",
        "NM2",
    ),
    "RS9": Scenario((), (), (0, 0, 0, 0, 0), ("NONE", "NONE", "NONE"), "UNKNOWN", "R03 R05 R09", "NM0"),
    "RS10": Scenario(
        ("APPROVER/H/SUPPORTER", "DECISION_MAKER/H/FRIEND", "EVALUATOR/H/ENEMY/1", "USER+COACH/M/SUPPORTER"),
        (("APPROVER", "DECISION_MAKER"), ("DECISION_MAKER", "USER+COACH")),
        (43, 98, 27, 57, 67),
        ("STRONG", "BROAD", "FORMED"),
        "CONTESTED",
        "R07",
        "NM6",
    ),
    "RS11": Scenario(
        ("APPROVER/H/NEUTRAL", "DECISION_MAKER/H/NEUTRAL", "EVALUATOR/M/NEUTRAL", "USER/L/NEUTRAL"),
        (),
        (38, 0, 0, 0, 50),
        ("NONE", "NONE", "NONE"),
        "WEAK",
        "R03 R09",
        "NM1",
    ),
    "RS12": Scenario(
        (
            "APPROVER/M/NEUTRAL",
            "DECISION_MAKER/M/SUPPORTER",
            "EVALUATOR/H/OPPONENT/3",
            "USER+COACH/L/NEUTRAL",
        ),
        (),
        (31, 20, 27, -15, 48),
        ("EMERGING", "POINT", "NONE"),
        "WEAK",
        "R07 R08",
        "NM2",
    ),
}

BROAD = ("APPROVER/H/SUPPORTER", "DECISION_MAKER/H/FRIEND", "EVALUATOR/M/SUPPORTER", "FINANCE/M/SUPPORTER")
