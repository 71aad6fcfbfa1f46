"""The words in which the demo's showpieces are told: accounts, their people, deals and meetings.

Plain frozen data. Times are counted in days from the day on which the demo begins.
"""

from dataclasses import dataclass
from typing import Literal

Status = Literal["DONE", "PLANNED", "MISSED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the customer; `id` is how the story calls them."""

    id: str
    name: str
    title: str
    department: str
    level: str
    influence: str
    channel: str = "EMAIL"
    tenure_ends_in: int | None = None
    official: bool = False


@dataclass(frozen=True, slots=True)
class Stands:
    """Where a person stands on a deal; `roles` are separated by blanks, a stance and its degree by a slash."""

    person: str
    roles: str
    stance: str
    reason: str
    influence: str = ""
    changeable: str = "YES"
    confirmed_ago: int = 12
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """How one person stands to another."""

    one: str
    kind: str
    other: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """Something done or planned. `day` counts from today: -3 is three days ago, 5 is in five days."""

    day: int
    type: str
    subject: str
    people: str = ""
    outcome: str | None = None
    next_step: str | None = None
    minutes: int = 60
    hour: int = 9
    status: Status = "DONE"
    two_way: bool = True
    with_team: bool = False


@dataclass(frozen=True, slots=True)
class Shows:
    """What is there to be seen on a deal's map of people."""

    rating: str
    foothold: str
    surface: str
    network: str
    next_move: str


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal. `moves` are the stages after TARGETING, then perhaps how it closed (`LOST/PRICE`) or went back.

    They are spread over the time since it began.
    """

    name: str
    product: str
    amount: int
    closes_in: int
    moves: str
    shows: Shows | None
    map: tuple[Stands, ...] = ()
    buy_class: str = "NEW_TASK"
    procurement: str = "INVITED_TENDER"
    budget: str = "APPROVED"
    entry: str | None = "MIDDLE_OUT"
    tactic: str | None = None
    need: str | None = None
    begun_ago: int = 80


@dataclass(frozen=True, slots=True)
class Case:
    """An account with something to see, and in `note` what that is."""

    account: str
    note: str
    owner: str
    people: tuple[Person, ...]
    deal: Deal | None = None
    extra: tuple[Deal, ...] = ()
    team: tuple[tuple[str, str], ...] = ()
    links: tuple[Link, ...] = ()
    meetings: tuple[Meeting, ...] = ()
    target_type: str | None = None
    region: str | None = None

    @property
    def deals(self) -> tuple[Deal, ...]:
        """The deal that the meetings are about, and the others."""
        return (self.deal, *self.extra) if self.deal else ()
