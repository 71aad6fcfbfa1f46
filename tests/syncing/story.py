"""What people do while others follow: one function a step, each picking for itself among what is there.

A step may be refused, as it would be to people; nothing may fail.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.gateway.platform import Platform

LINE: Final[Mapping[str, str | None]] = {
    "boss": None, "chief": None, "seller": "boss", "heir": "boss", "rival": "chief", "executive": None,
}  # fmt: skip
SELLERS: Final = ("boss", "seller", "heir", "rival")
PEOPLE: Final = tuple(LINE)
STAGES: Final = ("ENGAGEMENT", "SHORTLIST", "TARGETING")
STANCE: Final = {"roles": ["DECISION_MAKER"], "influence": "H", "degree": 3}

Id = tuple[str, ...]
"""A row's id, with that of the row that it is a part of before it."""


@dataclass
class Story:
    """The platform, what has been made there, and the dice of the step that is told."""

    small: Platform
    made: dict[str, list[Id]] = field(default_factory=dict[str, list[Id]])
    dice: random.Random = field(default_factory=random.Random)
    serial: int = 0

    def named(self) -> str:
        self.serial += 1
        return f"{self.serial}"

    def who(self) -> str:
        return self.dice.choice(SELLERS)

    def member(self) -> str:
        return self.small.members[self.dice.choice(PEOPLE)]

    def one(self, noun: str) -> Id:
        """One of those made; nobody's id where none was."""
        return self.dice.choice(self.made.get(noun) or [("00000000-0000-7000-8000-000000000000",) * 2])

    async def do(self, who: str, method: str, path: str, body: Any = None) -> Any | None:
        """The JSON of a good answer; None where it was refused."""
        answer = await self.small.call(who, method, path, body)
        assert answer.status_code < 500 or answer.status_code in (503, 504), (method, path, answer.text)
        return answer.json() if answer.is_success and answer.content else None

    async def make(
        self, noun: str, who: str, path: str, body: Any, *before: str, method: str = "POST"
    ) -> None:
        """Makes a row, and knows it from then on."""
        if made := await self.do(who, method, path, body):
            self.made.setdefault(noun, []).append((*before, made["id"]))


Step = Callable[[Story], Awaitable[None]]
"""What somebody does, or tries to."""


async def hire_all(small: Platform) -> Story:
    """Everybody in their places."""
    for who, manager in LINE.items():
        await small.hire(who, manager)
    small.admit("boss", "manager")
    small.admit("executive", "executive", "rep")
    return Story(small)


async def open_account(story: Story) -> None:
    await story.make("accounts", story.who(), "/v1/accounts", {"name": f"account {story.named()}"})


async def hand_account_over(story: Story) -> None:
    await story.do(
        "admin", "PATCH", f"/v1/accounts/{story.one('accounts')[-1]}", {"owner_id": story.member()}
    )


async def change_team(story: Story) -> None:
    team = [
        {"member_id": id, "function": "SALES"}
        for id in sorted({story.member() for _ in range(story.dice.randrange(3))})
    ]
    await story.do("admin", "PATCH", f"/v1/accounts/{story.one('accounts')[-1]}", {"team": team})


async def edit_account(story: Story) -> None:
    await story.do("admin", "PATCH", f"/v1/accounts/{story.one('accounts')[-1]}", {"region": story.named()})


async def add_person(story: Story) -> None:
    body = {"name": f"person {story.named()}", "account_id": story.one("accounts")[-1]}
    await story.make("contacts", "admin", "/v1/contacts", body)


async def edit_person(story: Story) -> None:
    await story.do("admin", "PATCH", f"/v1/contacts/{story.one('contacts')[-1]}", {"title": story.named()})


async def move_person(story: Story) -> None:
    body = {"account_id": story.one("accounts")[-1]}
    await story.do("admin", "PATCH", f"/v1/contacts/{story.one('contacts')[-1]}", body)


async def link(story: Story) -> None:
    start, end = story.one("contacts")[-1], story.one("contacts")[-1]
    body = {"to_contact_id": end, "kind": story.dice.choice(("ALLY", "INFLUENCES")), "note": story.named()}
    await story.make("links", "admin", f"/v1/contacts/{start}/links", body, start)


async def open_deal(story: Story) -> None:
    body = {
        "name": f"deal {story.named()}", "account_id": story.one("accounts")[-1], "owner_id": story.member(),
    }  # fmt: skip
    await story.make("opportunities", "admin", "/v1/opportunities", body)


async def edit_deal(story: Story) -> None:
    body = {"need_summary": story.named()}
    await story.do("admin", "PATCH", f"/v1/opportunities/{story.one('opportunities')[-1]}", body)


async def hand_deal_over(story: Story) -> None:
    body = {"owner_id": story.member()}
    await story.do("admin", "PATCH", f"/v1/opportunities/{story.one('opportunities')[-1]}", body)


async def bring_deal_elsewhere(story: Story) -> None:
    body = {"account_id": story.one("accounts")[-1]}
    await story.do("admin", "PATCH", f"/v1/opportunities/{story.one('opportunities')[-1]}", body)


async def move_deal(story: Story) -> None:
    body = {"to": story.dice.choice(STAGES), "note": "so"}
    await story.do("admin", "POST", f"/v1/opportunities/{story.one('opportunities')[-1]}/stage", body)


async def lose_deal(story: Story) -> None:
    body = {"to": "LOST", "reason_code": "PRICE"}
    await story.do("admin", "POST", f"/v1/opportunities/{story.one('opportunities')[-1]}/stage", body)


async def put_on_map(story: Story) -> None:
    deal, person = story.one("opportunities")[-1], story.one("contacts")[-1]
    body = STANCE | {"stance": story.dice.choice(("SUPPORTER", "OPPONENT")), "stance_note": story.named()}
    await story.do("admin", "PUT", f"/v1/opportunities/{deal}/stakeholders/{person}", body)


async def take_off_map(story: Story) -> None:
    deal, person = story.one("opportunities")[-1], story.one("contacts")[-1]
    await story.do("admin", "DELETE", f"/v1/opportunities/{deal}/stakeholders/{person}")


async def plan_visit(story: Story) -> None:
    body = {
        "type": "VISIT", "subject": story.named(), "planned_start_at": "2030-01-01T08:00:00Z",
        "account_id": story.one("accounts")[-1], "owner_id": story.member(),
    }  # fmt: skip
    await story.make("activities", "admin", "/v1/activities", body)


async def edit_visit(story: Story) -> None:
    await story.do(
        "admin", "PATCH", f"/v1/activities/{story.one('activities')[-1]}", {"outcome": story.named()}
    )


async def hand_visit_over(story: Story) -> None:
    body = {"owner_id": story.member()}
    await story.do("admin", "PATCH", f"/v1/activities/{story.one('activities')[-1]}", body)


async def bring_visit_elsewhere(story: Story) -> None:
    body = {"account_id": story.one("accounts")[-1]}
    await story.do("admin", "PATCH", f"/v1/activities/{story.one('activities')[-1]}", body)


async def log_time(story: Story) -> None:
    who = story.who()
    body = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 5, "note": story.named()}
    await story.make("time-logs", who, "/v1/time-logs", body, who)


async def edit_time(story: Story) -> None:
    who, id = story.one("time-logs")
    if who in SELLERS:
        await story.do(who, "PATCH", f"/v1/time-logs/{id}", {"note": story.named()})


async def reorganise(story: Story) -> None:
    who = story.dice.choice(("seller", "heir", "rival"))
    manager = story.small.members[story.dice.choice(("boss", "chief"))]
    await story.do("admin", "PATCH", f"/v1/members/{story.small.members[who]}", {"manager_id": manager})


async def rename_member(story: Story) -> None:
    await story.do("admin", "PATCH", f"/v1/members/{story.member()}", {"name": story.named()})


async def delete(story: Story) -> None:
    if place := _place(story):
        await story.do(place[0], "DELETE", place[1])


async def restore(story: Story) -> None:
    if place := _place(story):
        await story.do(place[0], "POST", f"{place[1]}/restoration")


def _place(story: Story) -> tuple[str, str] | None:
    """Who may delete one of the rows, and its path."""
    noun = story.dice.choice(("accounts", "contacts", "links", "opportunities", "activities", "time-logs"))
    if noun not in story.made:
        return None
    first, *rest = story.one(noun)
    match noun:
        case "links":
            return "admin", f"/v1/contacts/{first}/links/{rest[0]}"
        case "time-logs":
            return first, f"/v1/time-logs/{rest[0]}"
        case _:
            return "admin", f"/v1/{noun}/{first}"


STEPS: Final[tuple[Step, ...]] = (
    open_account, hand_account_over, change_team, edit_account, add_person, edit_person, move_person, link, open_deal,
    edit_deal, hand_deal_over, bring_deal_elsewhere, move_deal, lose_deal, put_on_map, take_off_map, plan_visit,
    edit_visit, hand_visit_over, bring_visit_elsewhere, log_time, edit_time, reorganise, rename_member, delete, restore,
)  # fmt: skip

SCENE: Final = (open_account, open_account, add_person, add_person, add_person, link, open_deal, open_deal, put_on_map,
    plan_visit, plan_visit, log_time)  # fmt: skip
"""What is there before anybody follows."""
