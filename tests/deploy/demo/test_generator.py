"""The demo is the same for the same seed and day, refers to nothing that comes later, and shows what it says."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from itertools import combinations

import pytest

from deploy.local.demo import cast, highlights
from deploy.local.demo.generator import CASES, SEED, generate
from deploy.local.demo.loading import FILES
from deploy.local.demo.request import Ref, Value, needed, references
from deploy.local.demo.story import Case, Deal
from services.opportunities.policy import Influence, Rating, Role, Stage, Stance, Status
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import NextMoveCode, Relationship, evaluate
from services.opportunities.stakeholders.structure import Foothold, Network, Surface

TODAY = date(2026, 11, 22)  # A Sunday.
REQUESTS = generate(SEED, TODAY)
OPEN = [(case, deal) for case in CASES for deal in case.deals if deal.shows]


def read(case: Case, deal: Deal) -> Relationship:
    """The deal's map as the method reads it, with the links that the case's people have."""
    moves = deal.moves.split()
    stage = Stage(moves[-1]) if moves else Stage.TARGETING
    people: list[Person] = []
    for each in deal.map:
        stance, _, degree = each.stance.partition("/")
        influence = each.influence or next(p.influence for p in case.people if p.id == each.person)
        roles = frozenset(Role(role) for role in each.roles.split())
        people.append(Person(each.person, roles, Influence(influence), Stance(stance), int(degree)))
    return evaluate(stage, Status.OPEN, people, list(ties(case)))


def ties(case: Case) -> Iterator[tuple[str, str]]:
    yield from ((link.one, link.other) for link in case.links if link.kind == "ALLY")
    for meeting in case.meetings:
        if meeting.status == "DONE":
            yield from combinations(meeting.people.split(), 2)


@pytest.mark.parametrize(("case", "deal"), OPEN, ids=[f"{case.account}: {deal.name}" for case, deal in OPEN])
def test_deal_shows_what_its_note_says(case: Case, deal: Deal) -> None:
    found = read(case, deal)
    told = (found.rating, found.foothold, found.surface, found.network, found.next_move.code)
    shows = deal.shows
    assert shows is not None
    assert told == (shows.rating, shows.foothold, shows.surface, shows.network, shows.next_move)


@pytest.mark.parametrize(
    ("field", "every"),
    [
        ("rating", Rating),
        ("foothold", Foothold),
        ("surface", Surface),
        ("network", Network),
        ("next_move", NextMoveCode),
    ],
)
def test_every_reading_of_a_map_is_there_to_see(field: str, every: type[Rating]) -> None:
    assert {getattr(deal.shows, field) for _, deal in OPEN} == set(every)


def test_every_warning_is_there_to_see() -> None:
    found = {warned.code for case, deal in OPEN for warned in read(case, deal).warnings}
    assert sorted(found) == [f"R0{number}" for number in range(1, 10)]


def test_every_stage_is_there_to_see() -> None:
    stages = {(deal.moves.split() or ["TARGETING"])[-1] for case in CASES for deal in case.deals}
    assert stages >= set(Stage)


def test_same_seed_and_day_give_the_same_requests() -> None:
    assert generate(SEED, TODAY) == REQUESTS
    assert generate(SEED + 1, TODAY) != REQUESTS


def test_keys_are_unique() -> None:
    keys = [request.key for request in REQUESTS]
    assert len(set(keys)) == len(keys)


def test_requests_refer_only_to_earlier_ones() -> None:
    made: set[str] = set()
    for request in REQUESTS:
        unknown = [ref for ref in needed(request) if ref.kind == "made" and ref.name not in made]
        assert unknown == [], request
        assert request.makes not in made
        made |= {request.makes} if request.makes else set()


def column(file: str, *names: str) -> set[str]:
    with (FILES / file).open(encoding="utf-8") as lines:
        return {row[name] for row in csv.DictReader(lines) for name in names}


def test_what_the_demo_speaks_of_is_in_the_files() -> None:
    spoken = {ref for request in REQUESTS for ref in needed(request)}
    sellers = column("sales_teams.csv", "sales_agent", "manager")
    addresses = {f"{re.sub('[^a-z]+', '.', name.lower())}@example.com" for name in sellers}
    assert {ref.name for ref in spoken if ref.kind == "account"} <= column("accounts.csv", "account")
    assert {ref.name for ref in spoken if ref.kind == "product"} <= column("products.csv", "product")
    assert {ref.name for ref in spoken if ref.kind == "member"} <= addresses


def test_accounts_of_the_demo_have_one_owner_each_and_some_keep_nobody() -> None:
    owned = [request.of for request in REQUESTS if request.path == "/v1/accounts/{}"]
    assert len(set(owned)) == len(owned)
    assert {ref.name for ref in owned if ref} < column("accounts.csv", "account")


def test_stranger_has_nothing_to_do_with_the_account_that_is_shown_first() -> None:
    first = highlights()[0]
    stranger = "carl.lin@example.com"
    spoken = [request for request in REQUESTS if Ref("account", first.account) in needed(request)]
    assert spoken
    assert not any(
        request.asker == stranger or Ref("member", stranger) in needed(request) for request in spoken
    )


def test_what_is_done_lies_before_today_and_what_is_planned_after() -> None:
    for request in REQUESTS:
        if request.path == "/v1/activities":
            start = request.body["started_at"] or request.body["planned_start_at"]
            day = date.fromisoformat(str(start)[:10])
            if request.body["status"] == "PLANNED":
                assert day > TODAY
            else:
                assert day < TODAY
                assert day.weekday() < 5


def test_time_is_spent_on_workdays_of_the_last_weeks() -> None:
    days = {str(request.body["spent_on"]) for request in REQUESTS if request.path == "/v1/time-logs"}
    assert len(days) == 20
    assert all(date.fromisoformat(day).weekday() < 5 for day in days)
    assert max(days) < TODAY.isoformat()
    assert (TODAY - date.fromisoformat(min(days))).days <= 90


def test_people_have_english_and_chinese_names() -> None:
    names = [str(request.body["name"]) for request in REQUESTS if request.path == "/v1/contacts"]
    chinese = [name for name in names if any("\u4e00" <= letter <= "\u9fff" for letter in name)]
    assert 0.3 < len(chinese) / len(names) < 0.7


def test_highlights_name_accounts_of_the_demo_and_their_owners() -> None:
    owners = {case.account: case.owner for case in CASES}
    assert len(highlights()) == 3
    assert all(owners[each.account] == each.email and each.note for each in highlights())


def test_references_are_found_however_deep_they_are() -> None:
    one, two = Ref("made", "one"), Ref("account", "two")
    body: Value = {"a": [{"b": one}, "text", 3, None], "c": two}
    assert references(body) == [one, two]


def test_colleagues_are_not_among_the_sellers() -> None:
    ours = {each.email for each in cast.COLLEAGUES}
    assert not ours & set(cast.OWNERS)
    assert not ours & set(cast.DIARISTS)
