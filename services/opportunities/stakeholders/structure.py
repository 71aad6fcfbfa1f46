"""How our support hangs together: foothold, surface, network.

docs/method.md, "Foothold, surface, network". Also which dated links between people still count today.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from services.opportunities.policy import DEFAULT, Policy, Role, Stage, Stance
from services.opportunities.stakeholders.balance import Balance, Person, Weighed, add_up, roles_held, weigh

Link = tuple[str, str]
"""Two people, by id, in any order."""

DatedLink = tuple[str, str, datetime | None]
"""Two people and when they last did something together with us; None for a link that does not fade."""


class Foothold(StrEnum):
    """The best person that stands with us."""

    NONE = "NONE"
    EMERGING = "EMERGING"
    WEAK = "WEAK"
    STRONG = "STRONG"


class Surface(StrEnum):
    """How many core roles have somebody for us."""

    NONE = "NONE"
    POINT = "POINT"
    NARROW = "NARROW"
    BROAD = "BROAD"


class Network(StrEnum):
    """Whether those who are for us know it of each other."""

    NONE = "NONE"
    PARTIAL = "PARTIAL"
    FORMED = "FORMED"


@dataclass(frozen=True, slots=True)
class Picture:
    """A map as a whole: its people, heaviest first, what they add up to, and how they hang together."""

    stage: Stage
    people: tuple[Weighed, ...]
    held: frozenset[Role]
    balance: Balance
    foothold: Foothold
    surface: Surface
    network: Network
    policy: Policy

    def friends(self) -> list[Weighed]:
        """Everybody who is a friend, in whatever role."""
        return [each for each in self.people if each.stance == Stance.FRIEND]

    def holders(self, *roles: Role) -> list[Weighed]:
        """Everybody who holds one of the roles."""
        return [each for each in self.people if not each.roles.isdisjoint(roles)]

    def opponents(self) -> list[Weighed]:
        """Everybody who is against us, the hardest pull first."""
        against = (each for each in self.people if each.points < 0)
        return sorted(against, key=lambda each: (each.pull, each.id))

    def supporters(self) -> list[Weighed]:
        """Those who can be linked: people for us who hold a buying role."""
        return _supporters(self.people, self.policy)


@dataclass(frozen=True, slots=True)
class Links:
    """The links that count at a moment, and the instant at which the first of them fades (None: never)."""

    pairs: tuple[Link, ...]
    valid_until: datetime | None


def picture_of(stage: Stage, people: Iterable[Person], links: Iterable[Link], policy: Policy) -> Picture:
    """The map of a deal in `stage`, weighed and linked; the same in whatever order it is given."""
    weighed = tuple(weigh(people, policy))
    surface = surface_of(weighed, policy)
    return Picture(
        stage=stage,
        people=weighed,
        held=roles_held(weighed),
        balance=add_up(weighed, policy),
        foothold=foothold_of(weighed, policy),
        surface=surface,
        network=network_of(weighed, links, surface, policy),
        policy=policy,
    )


def foothold_of(people: Iterable[Weighed], policy: Policy) -> Foothold:
    """The foothold; only people with a buying role can be one."""
    buying = [each for each in people if each.roles & policy.buying_roles]
    friends = [each for each in buying if each.stance == Stance.FRIEND]
    if any(each.roles & policy.decision_roles for each in friends):
        return Foothold.STRONG
    if friends:
        return Foothold.WEAK
    supporters = (each for each in buying if each.stance == Stance.SUPPORTER)
    emerging = any(each.degree >= policy.foothold_degree for each in supporters)
    return Foothold.EMERGING if emerging else Foothold.NONE


def surface_of(people: Iterable[Weighed], policy: Policy) -> Surface:
    """The breadth of support over the core roles."""
    covered = len(_covered(people, policy))
    if covered >= policy.broad_surface_roles:
        return Surface.BROAD
    return (Surface.NONE, Surface.POINT)[covered] if covered < 2 else Surface.NARROW


def network_of(people: Iterable[Weighed], links: Iterable[Link], surface: Surface, policy: Policy) -> Network:
    """The network that the links make of our supporters.

    Only links between two people count who are both on the map, both for us, and both with a buying role.
    """
    groups = _groups({each.id: each for each in _supporters(people, policy)}, links)
    if not groups:
        return Network.NONE
    reach = max(len(_covered(group, policy)) for group in groups)
    formed = surface == Surface.BROAD and reach >= policy.network_roles
    return Network.FORMED if formed else Network.PARTIAL


def links_at(
    links: Iterable[DatedLink], *, now: datetime, timezone: tzinfo, policy: Policy = DEFAULT
) -> Links:
    """The links that count at `now`: those without a date, and those of the last 180 days, today included.

    `timezone` is the organisation's: it decides what a day is. A pair given twice counts as long as its last
    link does. `valid_until` is the instant, in UTC, at which the passing of time alone takes a link away.
    """
    ends = _ends(links, timezone, policy)
    standing = {pair: end for pair, end in ends.items() if end is None or now < end}
    fading = [end for end in standing.values() if end is not None]
    return Links(pairs=tuple(sorted(standing)), valid_until=min(fading, default=None))


def _ends(links: Iterable[DatedLink], timezone: tzinfo, policy: Policy) -> dict[Link, datetime | None]:
    ends: dict[Link, datetime | None] = {}
    for one, other, last_joint_at in links:
        pair = (one, other) if one <= other else (other, one)
        end = _end(last_joint_at, timezone, policy) if last_joint_at else None
        known = ends.get(pair, end)
        ends[pair] = max(known, end) if known and end else None
    return ends


def _end(last_joint_at: datetime, timezone: tzinfo, policy: Policy) -> datetime:
    """The first instant of the day on which the link counts no longer."""
    gone_on = last_joint_at.astimezone(timezone).date() + timedelta(days=policy.network_days)
    return datetime.combine(gone_on, time.min, timezone).astimezone(UTC)


def _supporters(people: Iterable[Weighed], policy: Policy) -> list[Weighed]:
    return [each for each in people if each.points > 0 and each.roles & policy.buying_roles]


def _covered(people: Iterable[Weighed], policy: Policy) -> frozenset[Role]:
    return roles_held(each for each in people if each.points > 0) & policy.core_roles


def _groups(people: dict[str, Weighed], links: Iterable[Link]) -> list[list[Weighed]]:
    """The groups of two people or more that the links tie together."""
    leads = {each: each for each in people}

    def lead(each: str) -> str:
        while leads[each] != each:
            leads[each] = leads[leads[each]]
            each = leads[each]
        return each

    linked: set[str] = set()
    for one, other in links:
        if one != other and one in people and other in people:
            leads[lead(one)] = lead(other)
            linked |= {one, other}
    groups: dict[str, list[Weighed]] = {}
    for each in linked:
        groups.setdefault(lead(each), []).append(people[each])
    return list(groups.values())
