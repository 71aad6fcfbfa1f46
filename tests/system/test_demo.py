"""The demo data as the platform shows it: every reading of a map, and each person their own part."""

from typing import Any

import pytest

from deploy.local.demo.generator import CASES
from deploy.local.demo.progress import Progress
from deploy.local.demo.story import Case, Deal
from services.opportunities.policy import Rating
from services.opportunities.stakeholders.structure import Foothold, Network
from tests.stack import RunningStack, eventually, on_the_stack

pytestmark = on_the_stack

EXECUTIVE = "executive@example.com"
SELLER = "darcel.schlecht@example.com"
MANAGER = "melvin.marxen@example.com"
STRANGER = "carl.lin@example.com"
OPEN = [(case, deal) for case in CASES for deal in case.deals if deal.shows]


def account_id(stack: RunningStack, name: str) -> str:
    found = stack.get(EXECUTIVE, f"/v1/accounts?q={name}")["items"]
    return next(each["id"] for each in found if each["name"] == name)


def deal_of(stack: RunningStack, case: Case, deal: Deal) -> dict[str, Any]:
    view = stack.get(case.owner, f"/v1/accounts/{account_id(stack, case.account)}/view")
    return next(each for each in view["deals"] if each["name"] == deal.name)


def relationship(stack: RunningStack, case: Case, deal: Deal) -> dict[str, Any]:
    id = deal_of(stack, case, deal)["id"]
    return stack.get(case.owner, f"/v1/opportunities/{id}/relationship")


@pytest.mark.parametrize(("case", "deal"), OPEN, ids=[f"{case.account}: {deal.name}" for case, deal in OPEN])
def test_deal_shows_what_its_note_says(stack: RunningStack, case: Case, deal: Deal) -> None:
    shows = deal.shows
    assert shows is not None
    eventually(lambda: relationship(stack, case, deal)["network"] == shows.network)
    found = relationship(stack, case, deal)
    told = (
        found["rating"],
        found["foothold"],
        found["surface"],
        found["network"],
        found["next_move"]["code"],
    )
    assert told == (shows.rating, shows.foothold, shows.surface, shows.network, shows.next_move)


def test_view_shows_every_rating_foothold_and_network(stack: RunningStack) -> None:
    seen = [deal_of(stack, case, deal)["relationship"] for case, deal in OPEN]
    assert {each["rating"] for each in seen} == set(Rating)
    assert {each["foothold"] for each in seen} == set(Foothold)
    networks = {relationship(stack, case, deal)["network"] for case, deal in OPEN}
    assert networks == set(Network)


def count(stack: RunningStack, email: str, noun: str) -> int:
    return stack.get(email, f"/v1/{noun}?count=true&limit=1")["total"]


@pytest.mark.parametrize("noun", ["accounts", "opportunities", "contacts", "activities"])
def test_seller_sees_part_of_what_the_manager_sees_who_sees_part_of_all(
    stack: RunningStack, noun: str
) -> None:
    seller, manager, everybody = (count(stack, email, noun) for email in (SELLER, MANAGER, EXECUTIVE))
    assert 0 < seller < manager < everybody


def test_time_is_for_the_member_and_the_manager_alone(stack: RunningStack) -> None:
    seller, manager = (count(stack, email, "time-logs") for email in (SELLER, MANAGER))
    assert 0 < seller < manager
    assert count(stack, EXECUTIVE, "time-logs") == 0


@pytest.mark.parametrize(
    ("account", "sees", "does_not"),
    [
        ("Acme Corporation", (SELLER, MANAGER, EXECUTIVE), (STRANGER,)),
        ("dambase", (STRANGER, EXECUTIVE), (SELLER, MANAGER)),
    ],
)
def test_account_is_there_for_its_own_and_not_for_a_stranger(
    stack: RunningStack, account: str, sees: tuple[str, ...], does_not: tuple[str, ...]
) -> None:
    path = f"/v1/accounts/{account_id(stack, account)}/view"
    assert {stack.ask(email, "GET", path).status_code for email in sees} == {200}
    assert {stack.ask(email, "GET", path).status_code for email in does_not} == {404}


def test_who_is_for_us_is_told_to_the_team_and_what_it_comes_to_to_others(stack: RunningStack) -> None:
    case = CASES[0]
    assert case.deal is not None
    path = f"/v1/opportunities/{deal_of(stack, case, case.deal)['id']}/relationship"
    ours, theirs = stack.get(SELLER, path), stack.get(EXECUTIVE, path)
    assert theirs["score"] == ours["score"]
    assert theirs["next_move"]["code"] == ours["next_move"]["code"]
    assert ours["next_move"]["contact_ids"]
    assert theirs["next_move"]["contact_ids"] == []


def test_demo_people_are_who_they_say(stack: RunningStack) -> None:
    roles = {
        email: set(stack.get(email, "/v1/me")["roles"])
        for email in (
            "admin@example.com",
            EXECUTIVE,
            "marketing@example.com",
            "reporting@example.com",
            SELLER,
        )
    }
    assert roles["admin@example.com"] == {"admin"}
    assert roles[EXECUTIVE] == {"executive"}
    assert roles[SELLER] == {"rep"}
    assert all(stack.get(email, "/v1/me")["member"]["name"] for email in roles)


def test_demo_killed_half_way_goes_on_without_doubling_anything(stack: RunningStack) -> None:
    nouns = ("members", "contacts", "opportunities", "activities")
    before = [count(stack, EXECUTIVE, noun) for noun in nouns]
    progress = Progress.read(stack.home.directory)
    assert progress is not None
    assert progress.finished
    lines = progress.path.read_text().splitlines(keepends=True)
    progress.path.write_text("".join(lines[: len(lines) // 2]) + lines[-2][:20])
    stack.run("deploy.local.demo")
    again = Progress.read(stack.home.directory)
    assert again is not None
    assert again.finished
    assert again.answered == progress.answered
    assert [count(stack, EXECUTIVE, noun) for noun in nouns] == before
