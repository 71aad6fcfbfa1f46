"""Every worked scenario of docs/method.md reads as the method says, and what does not change that reading."""

from dataclasses import replace

import pytest

from services.opportunities.policy import DEFAULT, Rating, Stage, Status, policy_from
from services.opportunities.stakeholders.domain import evaluate
from services.opportunities.stakeholders.structure import Network, Surface
from tests.services.opportunities.stakeholders.maps import SCENARIOS, Scenario, person, read, warned


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
