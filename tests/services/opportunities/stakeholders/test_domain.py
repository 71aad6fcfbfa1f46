"""The edges of each rule by which a map of people is read."""

import pytest

from services.opportunities.policy import Influence, Rating, Stage, Stance, Status
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import NextMoveCode, Relationship, evaluate
from services.opportunities.stakeholders.structure import Foothold, Link, Network, Surface
from services.opportunities.stakeholders.warnings import Severity, WarningCode
from tests.services.opportunities.stakeholders.maps import BROAD, read, warned


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
