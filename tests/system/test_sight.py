"""Whoever moves, joins, leaves or is let go: what everyone sees follows, in each service and in the view of all."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.stack import RunningStack, on_the_stack

pytestmark = on_the_stack

ADMIN = "admin@example.com"
WAIT = 30.0


@dataclass
class Team:
    """A seller below a manager, and somebody beside them; an account of the seller's with a deal and a visit."""

    stack: RunningStack
    mails: dict[str, str]
    members: dict[str, str]
    paths: dict[str, str]
    took: dict[str, float]

    def sights(self, who: str) -> dict[str, int]:
        """How the services, and the view of them all, answer somebody about what is at the account."""
        return {
            name: self.stack.ask(self.mails[who], "GET", path).status_code
            for name, path in self.paths.items()
        }

    def change(self, path: str, body: object, **expected: int) -> None:
        """Changes something, and waits until each of those named meets that status everywhere."""
        self.stack.patch(ADMIN, path, body)
        began = time.monotonic()
        for who, status in expected.items():
            self._until(who, status)
        self.took[f"{path.split('/')[2]} {body}"[:60]] = time.monotonic() - began

    def _until(self, who: str, status: int) -> None:
        deadline = time.monotonic() + WAIT
        while set(met := self.sights(who).items()) != {(name, status) for name in self.paths}:
            assert time.monotonic() < deadline, (who, status, dict(met))
            time.sleep(0.02)


@pytest.fixture(scope="module")
def team(stack: RunningStack) -> Iterator[Team]:
    mark = uuid4().hex[:8]
    mails = {name: f"{name}.{mark}@example.com" for name in ("manager", "seller", "beside")}
    members: dict[str, str] = {}
    for name, mail in mails.items():
        body = {"email": mail, "name": name.title()}
        manager = {"manager_id": members["manager"]} if name == "seller" else {}
        members[name] = stack.post(ADMIN, "/v1/members", body | manager)["id"]
    account = stack.post(ADMIN, "/v1/accounts", {"name": f"Sight {mark}", "owner_id": members["seller"]})[
        "id"
    ]
    deal = {"name": "A deal", "account_id": account, "owner_id": members["manager"]}
    visit = {"type": "VISIT", "subject": "A visit", "planned_start_at": "2030-01-01T08:00:00Z"}
    visit |= {"account_id": account, "owner_id": members["manager"]}
    paths = {
        "contacts": f"/v1/accounts/{account}",
        "opportunities": f"/v1/opportunities/{stack.post(ADMIN, '/v1/opportunities', deal)['id']}",
        "activities": f"/v1/activities/{stack.post(ADMIN, '/v1/activities', visit)['id']}",
        "view": f"/v1/accounts/{account}/view",
    }
    team = Team(stack, mails, members, paths, {})
    team.change(f"/v1/members/{members['beside']}", {"name": "Besides"}, seller=200, manager=200, beside=404)
    yield team
    for what, seconds in team.took.items():
        print(f"{seconds:6.2f} s  {what}")  # for whoever runs it with -s


def test_sight_follows_every_change_everywhere(team: Team) -> None:
    account, member = team.paths["contacts"], f"/v1/members/{team.members['seller']}"
    beside = team.members["beside"]
    on_the_team = [{"member_id": beside, "function": "PRESALES"}]
    team.change(account, {"team": on_the_team}, beside=200, seller=200)
    team.change(account, {"team": []}, beside=404, seller=200)
    team.change(member, {"manager_id": beside}, beside=200, seller=200)
    team.change(member, {"manager_id": team.members["manager"]}, beside=404, manager=200)
    team.change(account, {"owner_id": beside}, beside=200, seller=404)
    team.change(account, {"owner_id": team.members["seller"]}, beside=404, seller=200)


def test_a_member_who_is_let_go_is_nobody_everywhere_until_taken_back(team: Team) -> None:
    member = f"/v1/members/{team.members['seller']}"
    team.change(member, {"active": False}, seller=403, manager=200)
    team.change(member, {"active": True}, seller=200)


def test_a_member_is_another_identity_once_bound_to_it(team: Team) -> None:
    member = f"/v1/members/{team.members['seller']}"
    subject = team.stack.get(team.mails["beside"], "/v1/me")["subject"]
    team.change(member, {"subject": subject}, beside=200, seller=403)
    team.change(member, {"subject": None}, beside=404, seller=200)
