"""What holds of the reading of any map at all."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.opportunities.policy import Influence, Role, Stage, Stance, Status
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import evaluate
from services.opportunities.stakeholders.structure import Foothold, Link, Network
from tests.services.opportunities.stakeholders.maps import warned

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
