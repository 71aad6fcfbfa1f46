"""Maps of people and what follows from them, as requests send them and answers show them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StrictInt, StringConstraints

from services.kit.fields import Body, Id, Note, Paged, PastInstant, Read, Stamped
from services.opportunities.policy import (
    DEFAULT_DEGREE,
    HIGHEST_DEGREE,
    LOWEST_DEGREE,
    Influence,
    Rating,
    Role,
    Stage,
    Stance,
)
from services.opportunities.stakeholders.balance import in_order
from services.opportunities.stakeholders.domain import Changeable, NextMoveCode, StanceReason
from services.opportunities.stakeholders.structure import Foothold, Network, Surface
from services.opportunities.stakeholders.warnings import Severity, WarningCode

MOST_PEOPLE = 500
MOST_LINKS = 5000


def _once(roles: list[Role]) -> list[Role]:
    if len(set(roles)) != len(roles):
        raise ValueError("holds a role twice")
    return list(in_order(roles))


Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role)), AfterValidator(_once)]
Degree = Annotated[
    StrictInt, Field(ge=LOWEST_DEGREE, le=HIGHEST_DEGREE, description="1 slight, 2 clear, 3 strong.")
]
PersonId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class StakeholderPut(Body):
    """Which part a person plays in a deal, and where the person stands: all of it, what is left out is unset."""

    roles: Roles
    influence: Influence = Field(description="Real influence on the decision, whatever the title says.")
    stance: Stance = Stance.UNKNOWN
    degree: Degree = DEFAULT_DEGREE
    stance_reason: StanceReason | None = None
    stance_note: Note | None = Field(default=None, description="Never leaves this service.")
    changeable: Changeable | None = None
    stance_confirmed_at: PastInstant | None = None


class MapItem(StakeholderPut):
    """A person of the map."""

    contact_id: Id


def _apart(items: list[MapItem]) -> list[MapItem]:
    if len({item.contact_id for item in items}) != len(items):
        raise ValueError("names a contact twice")
    return items


class MapPut(Body):
    """The whole map of a deal. Whoever is not named is taken off it."""

    items: Annotated[list[MapItem], Field(max_length=MOST_PEOPLE), AfterValidator(_apart)]


class StakeholderRead(Stamped):
    """A person on the map of a deal."""

    id: UUID
    opportunity_id: UUID
    contact_id: UUID
    roles: list[Role]
    influence: Influence
    stance: Stance
    degree: int
    stance_reason: StanceReason | None
    stance_note: str | None
    changeable: Changeable | None
    stance_confirmed_at: datetime | None


class StakeholderList(Paged):
    """A page of the map. The ETag is the version of the map as a whole."""

    items: list[StakeholderRead]


class WarningRead(Read):
    """A danger in the map: how soon somebody should act, in which roles, and who it is about."""

    code: WarningCode
    severity: Severity
    roles: list[Role]
    contact_ids: list[str]


class NextMoveRead(Read):
    """The one thing to do next, and with whom, the first choice first."""

    code: NextMoveCode
    contact_ids: list[str]


class RelationshipRead(Read):
    """What the map of people says of a deal. `probability` is in per cent."""

    weight_total: int
    support: int
    opposition: int
    balance: int = Field(ge=-100, le=100)
    score: int = Field(ge=0, le=100)
    foothold: Foothold
    surface: Surface
    network: Network
    rating: Rating
    probability: int = Field(ge=0, le=100)
    warnings: list[WarningRead]
    next_move: NextMoveRead


class PersonTried(Body):
    """A person of a map that is only tried out."""

    id: PersonId
    roles: Roles
    influence: Influence
    stance: Stance = Stance.UNKNOWN
    degree: Degree = DEFAULT_DEGREE


def _ids_apart(people: list[PersonTried]) -> list[PersonTried]:
    if len({person.id for person in people}) != len(people):
        raise ValueError("holds an id twice")
    return people


class MapTried(Body):
    """A map to be read as it would be, were it that of an open deal; nothing is kept."""

    stage: Stage
    people: Annotated[list[PersonTried], Field(max_length=MOST_PEOPLE), AfterValidator(_ids_apart)]
    links: Annotated[list[tuple[PersonId, PersonId]], Field(max_length=MOST_LINKS)] = Field(
        default_factory=list[tuple[str, str]],
        description="Pairs of people who have done something together with us, or are allies.",
    )
