"""Every worked scenario of docs/method.md, the edges of each rule, and what holds for any map at all."""

from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.opportunities.policy import (
    DEFAULT,
    Influence,
    Rating,
    Role,
    Stage,
    Stance,
    Status,
    policy_from,
)
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import NextMoveCode, Relationship, evaluate
from services.opportunities.stakeholders.structure import Foothold, Link, Network, Surface
from services.opportunities.stakeholders.warnings import Severity, WarningCode


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
    return evaluate(stage, status, [person(each) for each in notations], links)


def warned(reading: Relationship) -> str:
    return " ".join(each.code for each in reading.warnings)


@dataclass(frozen=True)
class Scenario:
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


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
@pytest.mark.parametrize("stage", list(Stage)[1:])
def test_a_worked_scenario_reads_as_the_method_says(scenario: Scenario, stage: Stage) -> None:
    reading = read(*scenario.people, links=scenario.links, stage=stage)
    numbers = (
        reading.weight_total,
        reading.support,
        reading.opposition,
        reading.balance,
        reading.score,
    )
    assert numbers == scenario.numbers
    assert (reading.foothold, reading.surface, reading.network) == scenario.structure
    assert reading.rating == scenario.rating
    assert warned(reading) == scenario.warnings
    assert reading.next_move.code == scenario.next_move
    assert reading.probability == DEFAULT.probability(stage, Status.OPEN, Rating(scenario.rating))


class TestWeights:
    @pytest.mark.parametrize(
        ("notation", "weight"),
        [
            ("APPROVER/L/NEUTRAL", 5),
            ("DECISION_MAKER/M/NEUTRAL", 10),
            ("EVALUATOR/H/NEUTRAL", 9),
            ("PROCUREMENT/H/NEUTRAL", 9),
            ("FINANCE/H/NEUTRAL", 6),
            ("USER/H/NEUTRAL", 6),
            ("INFLUENCER/H/NEUTRAL", 6),
            ("COACH/H/NEUTRAL", 3),
            ("GATEKEEPER/H/NEUTRAL", 3),
            ("SPONSOR/H/NEUTRAL", 0),
            ("COACH+EVALUATOR+USER/M/NEUTRAL", 6),
        ],
    )
    def test_a_person_weighs_the_heaviest_role_times_influence(self, notation: str, weight: int) -> None:
        assert read(notation).weight_total == weight

    def test_a_person_without_a_role_weighs_nothing(self) -> None:
        nobody = Person("a", frozenset(), Influence.H, Stance.ENEMY)
        reading = evaluate(Stage.BIDDING, Status.OPEN, [nobody], [])
        assert (reading.weight_total, reading.score, reading.rating) == (0, 0, Rating.WEAK)

    def test_sponsors_alone_score_nothing(self) -> None:
        reading = read("SPONSOR/H/FRIEND/3")
        assert (reading.support, reading.balance, reading.score) == (0, 0, 0)
        assert (reading.foothold, reading.surface) == (Foothold.NONE, Surface.NONE)
        assert reading.next_move.code == NextMoveCode.DEVELOP_FOOTHOLD

    def test_the_score_stays_at_zero_when_penalties_outgrow_it(self) -> None:
        assert read("COACH/H/ENEMY/3").score == 0


class TestFoothold:
    @pytest.mark.parametrize(
        ("notation", "foothold"),
        [
            ("DECISION_MAKER/L/FRIEND/1", Foothold.STRONG),
            ("APPROVER/L/FRIEND/1", Foothold.STRONG),
            ("EVALUATOR/H/FRIEND/3", Foothold.WEAK),
            ("USER/H/FRIEND", Foothold.WEAK),
            ("PROCUREMENT/H/FRIEND", Foothold.WEAK),
            ("FINANCE/H/FRIEND", Foothold.WEAK),
            ("APPROVER/H/SUPPORTER/2", Foothold.EMERGING),
            ("USER/L/SUPPORTER/3", Foothold.EMERGING),
            ("APPROVER/H/SUPPORTER/1", Foothold.NONE),
            ("COACH/H/FRIEND/3", Foothold.NONE),
            ("INFLUENCER/H/FRIEND/3", Foothold.NONE),
            ("GATEKEEPER/H/SUPPORTER/3", Foothold.NONE),
            ("SPONSOR/H/FRIEND/3", Foothold.NONE),
        ],
    )
    def test_a_foothold_is_as_good_as_the_best_person_for_us(self, notation: str, foothold: Foothold) -> None:
        assert read(notation).foothold == foothold

    def test_a_friend_in_a_buying_role_outdoes_a_supporter_above(self) -> None:
        assert read("APPROVER/H/SUPPORTER/3", "USER/L/FRIEND").foothold == Foothold.WEAK


class TestSurface:
    @pytest.mark.parametrize(
        ("people", "surface"),
        [
            (("PROCUREMENT/H/FRIEND", "FINANCE/H/FRIEND"), Surface.NONE),
            (("USER/H/FRIEND", "EVALUATOR/H/NEUTRAL", "APPROVER/H/OPPONENT"), Surface.POINT),
            (("USER+EVALUATOR/H/SUPPORTER/1",), Surface.NARROW),
            (("USER/H/SUPPORTER", "EVALUATOR/H/SUPPORTER"), Surface.NARROW),
            (("USER/H/SUPPORTER", "EVALUATOR/H/SUPPORTER", "APPROVER/L/SUPPORTER"), Surface.BROAD),
            (("USER+EVALUATOR+APPROVER+DECISION_MAKER/L/SUPPORTER/1",), Surface.BROAD),
        ],
    )
    def test_the_surface_counts_core_roles_with_somebody_for_us(
        self, people: tuple[str, ...], surface: Surface
    ) -> None:
        assert read(*people).surface == surface


BROAD = ("APPROVER/H/SUPPORTER", "DECISION_MAKER/H/FRIEND", "EVALUATOR/M/SUPPORTER", "FINANCE/M/SUPPORTER")


class TestNetwork:
    def test_supporters_without_links_are_no_network(self) -> None:
        assert read(*BROAD).network == Network.NONE

    def test_one_link_is_a_part_of_a_network(self) -> None:
        assert read(*BROAD, links=(("APPROVER", "FINANCE"),)).network == Network.PARTIAL

    def test_two_groups_that_do_not_meet_are_not_a_network(self) -> None:
        links = (("APPROVER", "FINANCE"), ("DECISION_MAKER", "EVALUATOR"))
        assert read(*BROAD, links=links).network == Network.PARTIAL

    def test_a_network_may_hold_together_through_a_person_without_a_core_role(self) -> None:
        links = (("APPROVER", "FINANCE"), ("FINANCE", "DECISION_MAKER"), ("EVALUATOR", "FINANCE"))
        assert read(*BROAD, links=links).network == Network.FORMED

    def test_a_network_needs_a_broad_surface(self) -> None:
        people = ("USER/H/SUPPORTER", "EVALUATOR/H/FRIEND")
        assert read(*people, links=(("USER", "EVALUATOR"),)).network == Network.PARTIAL

    def test_one_person_with_three_roles_is_no_network_alone(self) -> None:
        people = ("APPROVER+DECISION_MAKER+USER/H/FRIEND", "FINANCE/L/SUPPORTER", "PROCUREMENT/L/SUPPORTER")
        assert read(*people, links=(("FINANCE", "PROCUREMENT"),)).network == Network.PARTIAL

    @pytest.mark.parametrize(
        "other", ["USER/M/NEUTRAL", "USER/M/OPPONENT", "COACH/H/FRIEND", "INFLUENCER/H/FRIEND"]
    )
    def test_only_people_for_us_with_a_buying_role_are_linked(self, other: str) -> None:
        links = (("DECISION_MAKER", other.split("/", maxsplit=1)[0]),)
        assert read("DECISION_MAKER/H/FRIEND", other, links=links).network == Network.NONE

    def test_odd_links_are_passed_over(self) -> None:
        odd = (("APPROVER", "APPROVER"), ("APPROVER", "stranger"), ("stranger", "other"), ("", ""))
        assert read(*BROAD, links=odd).network == Network.NONE

    def test_a_link_given_twice_and_both_ways_is_one_link(self) -> None:
        once = read(*BROAD, links=(("APPROVER", "FINANCE"),))
        assert read(*BROAD, links=(("APPROVER", "FINANCE"), ("FINANCE", "APPROVER")) * 3) == once


class TestRating:
    @pytest.mark.parametrize(
        ("people", "rating"),
        [
            ((), Rating.UNKNOWN),
            (("APPROVER/H/UNKNOWN", "USER/H/UNKNOWN"), Rating.UNKNOWN),
            (("APPROVER/H/UNKNOWN", "USER/H/NEUTRAL"), Rating.WEAK),
            (("DECISION_MAKER/L/ENEMY/1", "EVALUATOR/H/FRIEND/3", "USER/H/FRIEND/3"), Rating.HOSTILE),
            (("APPROVER/H/ENEMY", "DECISION_MAKER/H/FRIEND/3"), Rating.CONTESTED),
            (("USER/H/OPPONENT", "EVALUATOR/L/SUPPORTER/1"), Rating.HOSTILE),
            (("USER/M/SUPPORTER/1", "FINANCE/M/OPPONENT/3"), Rating.HOSTILE),
            (("USER/H/SUPPORTER/1", "FINANCE/M/OPPONENT/3", "INFLUENCER/L/SUPPORTER/1"), Rating.WEAK),
            (("APPROVER+DECISION_MAKER+EVALUATOR+USER/L/FRIEND/1",), Rating.IDEAL),
            (("DECISION_MAKER/H/FRIEND", "APPROVER/L/SUPPORTER/1"), Rating.FAVOURABLE),
            (
                ("DECISION_MAKER/H/FRIEND", "APPROVER/L/SUPPORTER/1", "FINANCE/L/ENEMY"),
                Rating.CONTESTED,
            ),
            (("DECISION_MAKER/H/FRIEND", "APPROVER/L/SUPPORTER/1", "USER/L/ENEMY"), Rating.FAVOURABLE),
            (("DECISION_MAKER/H/FRIEND",), Rating.SOLID),
            (("DECISION_MAKER/H/FRIEND", "APPROVER/L/UNKNOWN"), Rating.SOLID),
            (("DECISION_MAKER/H/FRIEND", "APPROVER/L/OPPONENT/1"), Rating.CONTESTED),
            (("APPROVER/H/FRIEND/3",), Rating.CONTESTED),
            (("USER/H/SUPPORTER",), Rating.CONTESTED),
            (("COACH/H/FRIEND",), Rating.WEAK),
            (("DECISION_MAKER/L/FRIEND/1", "PROCUREMENT/L/OPPONENT/3", "FINANCE/L/OPPONENT/3"), Rating.WEAK),
        ],
    )
    def test_the_first_rating_that_fits_is_taken(self, people: tuple[str, ...], rating: Rating) -> None:
        assert read(*people).rating == rating

    def test_friends_everywhere_but_for_one_holder_of_a_core_role_are_not_ideal(self) -> None:
        friends = ("APPROVER/H/FRIEND", "DECISION_MAKER/H/FRIEND", "EVALUATOR/H/FRIEND", "USER/H/FRIEND")
        assert read(*friends, "FINANCE/H/OPPONENT").rating == Rating.IDEAL
        assert read(*friends, "USER+COACH/L/SUPPORTER/3").rating == Rating.FAVOURABLE


class TestWarnings:
    def entry(self, reading: Relationship, code: WarningCode) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        [found] = [each for each in reading.warnings if each.code == code]
        return found.severity, found.roles, found.contact_ids

    def test_three_friends_are_too_many_and_two_are_not(self) -> None:
        two = ("DECISION_MAKER/L/FRIEND", "COACH/H/FRIEND")
        assert "R01" not in warned(read(*two))
        assert self.entry(read(*two, "SPONSOR/H/FRIEND"), WarningCode.TOO_MANY_FRIENDS) == (
            "WARNING",
            (),
            ("DECISION_MAKER", "COACH", "SPONSOR"),
        )

    def test_an_evaluator_as_the_only_foothold_is_named(self) -> None:
        reading = read("EVALUATOR+USER/H/FRIEND", "FINANCE/H/FRIEND")
        assert self.entry(reading, WarningCode.EVALUATOR_ONLY) == (
            "WARNING",
            ("EVALUATOR",),
            ("EVALUATOR+USER",),
        )
        assert "R04" not in warned(reading)

    def test_a_low_foothold_names_the_friends_it_rests_on(self) -> None:
        reading = read("USER/L/FRIEND", "FINANCE/H/FRIEND", "COACH/H/SUPPORTER")
        assert self.entry(reading, WarningCode.LOW_FOOTHOLD) == (
            "WARNING",
            ("USER", "FINANCE"),
            ("FINANCE", "USER"),
        )
        assert "R02" not in warned(reading)

    def test_no_foothold_is_a_warning_about_nobody(self) -> None:
        assert self.entry(read("USER/L/NEUTRAL"), WarningCode.NO_FOOTHOLD) == ("WARNING", (), ())

    @pytest.mark.parametrize(
        ("held", "severity", "missing"),
        [
            ("APPROVER+DECISION_MAKER+EVALUATOR", Severity.WARNING, ("USER",)),
            ("APPROVER+DECISION_MAKER", Severity.WARNING, ("EVALUATOR", "USER")),
            ("DECISION_MAKER+EVALUATOR+USER", Severity.HIGH, ("APPROVER",)),
            ("APPROVER+EVALUATOR", Severity.HIGH, ("DECISION_MAKER", "USER")),
        ],
    )
    def test_unmapped_roles_are_one_warning_at_its_highest_severity(
        self, held: str, severity: Severity, missing: tuple[str, ...]
    ) -> None:
        assert self.entry(read(f"{held}/M/NEUTRAL"), WarningCode.UNMAPPED_ROLE) == (severity, missing, ())

    def test_an_unknown_stance_matters_at_the_top(self) -> None:
        reading = read("APPROVER+FINANCE/L/UNKNOWN", "DECISION_MAKER/H/UNKNOWN", "USER/H/UNKNOWN")
        assert self.entry(reading, WarningCode.TOP_STANCE_UNKNOWN) == (
            "HIGH",
            ("APPROVER", "DECISION_MAKER"),
            ("DECISION_MAKER", "APPROVER+FINANCE"),
        )
        assert "R06" not in warned(read("APPROVER/H/NEUTRAL", "USER/H/UNKNOWN"))

    @pytest.mark.parametrize("role", ["APPROVER", "DECISION_MAKER", "EVALUATOR", "PROCUREMENT", "FINANCE"])
    def test_an_opposed_veto_is_high_and_an_enemy_critical(self, role: str) -> None:
        opposed = self.entry(read(f"{role}/L/OPPONENT/1"), WarningCode.OPPOSED_VETO)
        assert opposed == ("HIGH", (role,), (role,))
        assert self.entry(read(f"{role}/L/ENEMY/1"), WarningCode.OPPOSED_VETO) == (
            "CRITICAL",
            (role,),
            (role,),
        )

    def test_one_enemy_makes_the_whole_veto_warning_critical(self) -> None:
        reading = read("APPROVER/H/OPPONENT", "FINANCE+USER/L/ENEMY", "EVALUATOR/H/NEUTRAL")
        assert self.entry(reading, WarningCode.OPPOSED_VETO) == (
            "CRITICAL",
            ("APPROVER", "FINANCE"),
            ("APPROVER", "FINANCE+USER"),
        )

    @pytest.mark.parametrize("role", ["USER", "INFLUENCER", "COACH", "GATEKEEPER", "SPONSOR"])
    def test_who_has_no_veto_raises_none(self, role: str) -> None:
        assert "R07" not in warned(read(f"{role}/H/ENEMY/3"))

    def test_opposition_that_equals_support_outweighs_it(self) -> None:
        even = read("USER/H/SUPPORTER", "FINANCE/M/OPPONENT", "INFLUENCER/L/OPPONENT")
        assert self.entry(even, WarningCode.OPPOSITION_OUTWEIGHS) == ("HIGH", (), ("FINANCE", "INFLUENCER"))
        assert "R08" not in warned(read("USER/H/SUPPORTER", "FINANCE/M/OPPONENT"))

    def test_the_want_of_a_coach_is_a_warning_from_engagement_on(self) -> None:
        found = {stage: "R09" in warned(read("USER/H/FRIEND", stage=stage)) for stage in Stage}
        assert [stage for stage, raised in found.items() if not raised] == [Stage.TARGETING]
        assert self.entry(read("USER/H/FRIEND"), WarningCode.NO_COACH) == ("WARNING", ("COACH",), ())
        assert "R09" not in warned(read("COACH/L/ENEMY"))


class TestNextMove:
    def move(self, *people: str, links: tuple[Link, ...] = ()) -> tuple[str, tuple[str, ...]]:
        found = read(*people, links=links).next_move
        return found.code, found.contact_ids

    def test_with_nobody_on_the_map_an_entry_is_chosen(self) -> None:
        assert self.move() == ("NM0", ())

    def test_a_foothold_is_developed_with_who_leans_our_way_first(self) -> None:
        people = ("APPROVER/H/NEUTRAL", "USER/L/SUPPORTER/1", "FINANCE/L/UNKNOWN", "EVALUATOR/H/OPPONENT")
        assert self.move(*people, "COACH/H/FRIEND") == ("NM1", ("USER", "APPROVER", "FINANCE"))

    def test_the_heaviest_supporter_is_made_a_friend(self) -> None:
        people = ("USER/L/SUPPORTER/3", "EVALUATOR/H/SUPPORTER/1", "INFLUENCER/H/SUPPORTER/3")
        assert self.move(*people, "APPROVER/H/NEUTRAL") == ("NM2", ("EVALUATOR",))

    def test_of_equal_supporters_the_decision_maker_comes_first(self) -> None:
        assert self.move("APPROVER/H/SUPPORTER/3", "DECISION_MAKER/H/SUPPORTER") == (
            "NM2",
            ("DECISION_MAKER",),
        )

    def test_a_stronger_foothold_is_sought_at_decision_level(self) -> None:
        people = ("EVALUATOR/H/FRIEND", "APPROVER/H/UNKNOWN", "DECISION_MAKER/L/SUPPORTER/1")
        assert self.move(*people) == ("NM3", ("DECISION_MAKER", "APPROVER"))
        assert self.move("EVALUATOR/H/FRIEND", "APPROVER/H/OPPONENT") == ("NM3", ())

    def test_support_is_widened_among_the_neutral_heaviest_first(self) -> None:
        people = ("DECISION_MAKER/H/FRIEND", "USER/L/NEUTRAL", "FINANCE/L/NEUTRAL", "EVALUATOR/M/NEUTRAL")
        assert self.move(*people, "APPROVER/H/UNKNOWN") == ("NM4", ("EVALUATOR", "FINANCE", "USER"))

    def test_supporters_are_brought_together(self) -> None:
        assert self.move(*BROAD, "COACH/H/FRIEND", "USER/H/NEUTRAL", links=(("APPROVER", "FINANCE"),)) == (
            "NM5",
            ("APPROVER", "DECISION_MAKER", "EVALUATOR", "FINANCE"),
        )

    def test_a_network_is_kept_by_working_on_opponents_the_hardest_pull_first(self) -> None:
        links = (("APPROVER", "DECISION_MAKER"), ("DECISION_MAKER", "EVALUATOR"))
        people = ("USER/H/OPPONENT/1", "PROCUREMENT/L/ENEMY/3", "GATEKEEPER/L/OPPONENT", "COACH/H/NEUTRAL")
        assert self.move(*BROAD, *people, links=links) == ("NM6", ("PROCUREMENT", "USER", "GATEKEEPER"))


@pytest.mark.parametrize(
    ("status", "probability"), [(Status.WON, 100), (Status.LOST, 0), (Status.ABANDONED, 0)]
)
def test_a_closed_deal_keeps_its_reading_and_a_certain_probability(status: Status, probability: int) -> None:
    people = [person(each) for each in SCENARIOS["RS1"].people]
    still_open = evaluate(Stage.CONTRACTING, Status.OPEN, people, [])
    closed = evaluate(Stage.CONTRACTING, status, people, [])
    assert closed == replace(still_open, probability=probability)


def test_another_policy_gives_another_reading() -> None:
    people = [person(each) for each in SCENARIOS["RS4"].people]
    policy = policy_from({"most_friends": 3, "broad_surface_roles": 4})
    reading = evaluate(Stage.BIDDING, Status.OPEN, people, SCENARIOS["RS4"].links, policy)
    assert (reading.surface, reading.network, warned(reading)) == (Surface.NARROW, Network.PARTIAL, "")


def test_a_reading_needs_no_more_than_one_pass_over_people_and_links() -> None:
    people = [person(each) for each in SCENARIOS["RS4"].people]
    links = SCENARIOS["RS4"].links
    assert evaluate(Stage.BIDDING, Status.OPEN, iter(people), iter(links)) == evaluate(
        Stage.BIDDING, Status.OPEN, people, links
    )


names = st.sampled_from([f"p{number:02}" for number in range(12)])
persons = st.builds(
    Person,
    id=names,
    roles=st.frozensets(st.sampled_from(Role), min_size=1, max_size=4),
    influence=st.sampled_from(Influence),
    stance=st.sampled_from(Stance),
    degree=st.integers(1, 3),
)
maps = st.lists(persons, max_size=12, unique_by=lambda each: each.id)
ties = st.lists(st.tuples(names, names), max_size=30)
stages = st.sampled_from(Stage)


@given(stage=stages, people=maps, links=ties)
def test_every_reading_stays_within_its_ranges(stage: Stage, people: list[Person], links: list[Link]) -> None:
    reading = evaluate(stage, Status.OPEN, people, links)
    assert 0 <= reading.score <= 100
    assert -100 <= reading.balance <= 100
    assert 1 <= reading.probability <= 95
    assert reading.support >= 0 <= reading.opposition
    assert reading.support + reading.opposition <= 5 * reading.weight_total


@given(stage=stages, people=maps, links=ties, seed=st.integers(0, 2**32))
def test_the_order_of_people_and_links_changes_nothing(
    stage: Stage, people: list[Person], links: list[Link], seed: int
) -> None:
    shuffled, turned = people[:], [(other, one) for one, other in links]
    Random(seed).shuffle(shuffled)  # noqa: S311 - any order will do
    Random(seed).shuffle(turned)  # noqa: S311
    assert evaluate(stage, Status.OPEN, shuffled, turned) == evaluate(stage, Status.OPEN, people, links)


@given(people=maps, newcomer=persons, stance=st.sampled_from([Stance.FRIEND, Stance.SUPPORTER]))
def test_one_more_supporter_never_lowers_support_or_raises_opposition(
    people: list[Person], newcomer: Person, stance: Stance
) -> None:
    more = [*people, replace(newcomer, id="newcomer", stance=stance)]
    before = evaluate(Stage.BIDDING, Status.OPEN, people, [])
    after = evaluate(Stage.BIDDING, Status.OPEN, more, [])
    assert after.support >= before.support
    assert after.opposition == before.opposition
    assert after.balance >= before.balance


LADDER = [
    (stance, degree)
    for stance, degree in (
        (Stance.ENEMY, 3),
        (Stance.ENEMY, 2),
        (Stance.OPPONENT, 3),
        (Stance.OPPONENT, 2),
        (Stance.OPPONENT, 1),
        (Stance.NEUTRAL, 2),
        (Stance.SUPPORTER, 1),
        (Stance.SUPPORTER, 2),
        (Stance.SUPPORTER, 3),
        (Stance.FRIEND, 2),
        (Stance.FRIEND, 3),
    )
]


@given(
    people=st.lists(persons, min_size=1, max_size=12, unique_by=lambda each: each.id), rung=st.integers(0, 9)
)
def test_winning_somebody_over_never_lowers_balance_or_score(people: list[Person], rung: int) -> None:
    worse, better = (
        replace(people[0], stance=stance, degree=degree) for stance, degree in LADDER[rung : rung + 2]
    )
    before = evaluate(Stage.BIDDING, Status.OPEN, [worse, *people[1:]], [])
    after = evaluate(Stage.BIDDING, Status.OPEN, [better, *people[1:]], [])
    assert after.balance >= before.balance
    assert after.score >= before.score


@given(people=maps, links=ties, link=st.tuples(names, names))
def test_one_more_link_never_loosens_the_network(people: list[Person], links: list[Link], link: Link) -> None:
    order = list(Network)
    before = evaluate(Stage.BIDDING, Status.OPEN, people, links).network
    after = evaluate(Stage.BIDDING, Status.OPEN, people, [*links, link]).network
    assert order.index(after) >= order.index(before)


@given(stage=stages, people=maps, links=ties)
def test_warnings_and_next_move_name_people_of_the_map_once(
    stage: Stage, people: list[Person], links: list[Link]
) -> None:
    reading = evaluate(stage, Status.OPEN, people, links)
    known = {each.id for each in people}
    codes = [each.code for each in reading.warnings]
    assert codes == sorted(set(codes))
    for named in (*(each.contact_ids for each in reading.warnings), reading.next_move.contact_ids):
        assert len(set(named)) == len(named)
        assert known >= set(named)


@given(people=maps, links=ties)
def test_foothold_and_warnings_about_it_go_together(people: list[Person], links: list[Link]) -> None:
    reading = evaluate(Stage.BIDDING, Status.OPEN, people, links)
    about_foothold = {"R02", "R03", "R04"} & set(warned(reading).split())
    assert len(about_foothold) == (1 if reading.foothold in {Foothold.NONE, Foothold.WEAK} else 0)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_a_map_of_two_hundred_people_all_linked_is_read(seed: int) -> None:
    any_of = Random(seed)  # noqa: S311
    people = [
        Person(f"{number}", frozenset({any_of.choice(list(Role))}), Influence.M, any_of.choice(list(Stance)))
        for number in range(200)
    ]
    links = [(one.id, other.id) for one in people for other in people]
    reading = evaluate(Stage.BIDDING, Status.OPEN, people, links)
    assert reading.network == Network.FORMED
