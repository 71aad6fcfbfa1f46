"""What clients want next: the working days of a sales house, all of it at once and on the same few accounts."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from services.opportunities.policy import Influence, Role, Stage, Stance
from tests.chaos.history import Wish
from tests.chaos.world import Row, World

T = TypeVar("T")

LIVELY = 12
"""Accounts, the latest, where most things happen."""

_AT_HOME = 0.9
_STAGES = [stage.value for stage in Stage]


@dataclass(frozen=True)
class Colleague:
    """A member of ours by whom clients speak."""

    id: str
    email: str


class Wisher:
    """Makes one client's wishes. `colleagues` are all members with a token, `me` the client's own id, if it has one."""

    def __init__(
        self, world: World, chance: random.Random, colleagues: Sequence[Colleague], me: str | None
    ) -> None:
        self._world, self._chance, self._colleagues, self._me = world, chance, colleagues, me
        self._ways: list[tuple[int, Callable[[str], Wish | None]]] = [
            (3, self._open_account),
            (8, self._change_account),
            (6, self._add_person),
            (4, self._change_person),
            (5, self._link),
            (2, self._unlink),
            (6, self._open_deal),
            (5, self._change_deal),
            (9, self._move_deal),
            (12, self._draw_map),
            (5, self._place_person),
            (6, self._plan),
            (6, self._meet),
            (5, self._complete),
            (5, self._log_time),
            *([] if me else [(1, self._reorganise)]),
        ]

    def next(self, name: str) -> Wish:
        """A wish that is possible as far as the clients know; `name` goes into what it says."""
        while True:
            (way,) = self._chance.choices([way for _, way in self._ways], [often for often, _ in self._ways])
            wish = way(name)
            if wish is not None:
                return wish

    def _some(self, rows: Sequence[T]) -> T | None:
        return self._chance.choice(rows) if rows else None

    def _account(self) -> Row | None:
        """A lively account, mostly one where the client has a place."""
        lively = self._world.of("account")[-LIVELY:]
        own = [row for row in lively if self._belongs(row)]
        return self._some(own if own and self._chance.random() < _AT_HOME else lively)

    def _belongs(self, account: Row) -> bool:
        return account["owner_id"] == self._me or self._me in [seat["member_id"] for seat in account["team"]]

    def _where_at_home(self, aggregate: str, most: int) -> Row | None:
        """One of the latest rows, mostly of an account where the client has a place."""
        rows = self._world.of(aggregate)[-most:]
        accounts = {row["id"] for row in self._world.of("account") if self._belongs(row)}
        own = [row for row in rows if row.get("account_id") in accounts]
        return self._some(own if own and self._chance.random() < _AT_HOME else rows)

    def _at_account(self, aggregate: str) -> tuple[str, list[Row]]:
        """A lively account, and the rows of one kind there."""
        account = self._account()
        id = account["id"] if account else ""
        return id, [row for row in self._world.of(aggregate)[-400:] if row.get("account_id") == id]

    def _match(self, row: Row) -> str:
        """Mostly the version that is known, sometimes any."""
        return "*" if self._chance.random() < 0.15 else f'"{row["version"]}"'

    def _somebody(self) -> str:
        return self._chance.choice(self._colleagues).id

    def _open_account(self, name: str) -> Wish | None:
        team = self._chance.sample(self._colleagues, 3)
        seats = [{"member_id": each.id, "function": "PRESALES"} for each in team]
        body: dict[str, Any] = {"name": f"Account {name}", "team": seats}
        return Wish("contacts", "account", "POST", "/v1/accounts", body | self._owned())

    def _owned(self) -> dict[str, Any]:
        return {} if self._me else {"owner_id": self._somebody()}

    def _change_account(self, name: str) -> Wish | None:
        account = self._account()
        if account is None:
            return None
        team = [{"member_id": self._somebody(), "function": "SERVICE"}]
        change: dict[str, Any] = self._chance.choice(
            [{"name": f"Renamed {name}"}, {"region": name}, {"team": team}, {"owner_id": self._somebody()}]
        )
        path = f"/v1/accounts/{account['id']}"
        return Wish("contacts", "account", "PATCH", path, change, self._match(account))

    def _add_person(self, name: str) -> Wish | None:
        account = self._account()
        if account is None:
            return None
        body = {"account_id": account["id"], "name": f"Person {name}", "title": "Engineer"}
        return Wish("contacts", "contact", "POST", "/v1/contacts", body)

    def _change_person(self, name: str) -> Wish | None:
        person = self._where_at_home("contact", 60)
        if person is None:
            return None
        change = self._chance.choice([{"name": f"Renamed {name}"}, {"title": name}, {"level": "TOP"}])
        path = f"/v1/contacts/{person['id']}"
        return Wish("contacts", "contact", "PATCH", path, change, self._match(person))

    def _two_people(self) -> tuple[str, list[str]] | None:
        account, people = self._at_account("contact")
        if len(people) < 2:
            return None
        return account, [each["id"] for each in self._chance.sample(people, 2)]

    def _link(self, name: str) -> Wish | None:
        found = self._two_people()
        if found is None:
            return None
        _, (one, other) = found
        kind = self._chance.choice(["ALLY", "ALLY", "CONFLICT"])
        body = {"to_contact_id": other, "kind": kind, "note": name}
        return Wish("contacts", "contact_link", "POST", f"/v1/contacts/{one}/links", body)

    def _unlink(self, _: str) -> Wish | None:
        link = self._some(self._world.of("contact_link")[-30:])
        if link is None:
            return None
        path = f"/v1/contacts/{link['from_contact_id']}/links/{link['id']}"
        return Wish("contacts", "contact_link", "DELETE", path, None, self._match(link))

    def _open_deal(self, name: str) -> Wish | None:
        account = self._account()
        if account is None:
            return None
        body = {"name": f"Deal {name}", "account_id": account["id"], "amount": self._chance.randrange(10**6)}
        return Wish("opportunities", "opportunity", "POST", "/v1/opportunities", body | self._owned())

    def _deal(self) -> Row | None:
        return self._where_at_home("opportunity", 30)

    def _change_deal(self, name: str) -> Wish | None:
        deal = self._deal()
        if deal is None:
            return None
        change: dict[str, Any] = self._chance.choice(
            [{"name": f"Renamed {name}"}, {"need_summary": name}, {"owner_id": self._somebody()}]
        )
        path = f"/v1/opportunities/{deal['id']}"
        return Wish("opportunities", "opportunity", "PATCH", path, change, self._match(deal))

    def _move_deal(self, name: str) -> Wish | None:
        deal = self._deal()
        if deal is None:
            return None
        step = _STAGES.index(deal["stage"])
        on = _STAGES[min(step + 1, len(_STAGES) - 1)] if deal["status"] == "OPEN" else deal["stage"]
        to = self._chance.choice([on, on, on, _STAGES[max(step - 1, 0)], "LOST", "WON"])
        body = {"to": to, "note": name} | ({"reason_code": "PRICE"} if to == "LOST" else {})
        path = f"/v1/opportunities/{deal['id']}/stage"
        return Wish("opportunities", "opportunity", "POST", path, body)

    def _place(self) -> dict[str, Any]:
        return {
            "roles": [self._chance.choice(list(Role)).value],
            "influence": self._chance.choice(list(Influence)).value,
            "stance": self._chance.choice([Stance.FRIEND, Stance.SUPPORTER, Stance.OPPONENT]).value,
        }

    def _draw_map(self, name: str) -> Wish | None:
        deal = self._deal()
        if deal is None:
            return None
        people = [row["id"] for row in self._world.of("contact") if row["account_id"] == deal["account_id"]]
        if not people:
            return None
        chosen = self._chance.sample(people[-8:], min(len(people), self._chance.randint(2, 5)))
        items = [{"contact_id": id, "stance_note": name, **self._place()} for id in chosen]
        version = self._world.maps.get(deal["id"])
        path = f"/v1/opportunities/{deal['id']}/stakeholders"
        return Wish("opportunities", "stakeholder", "PUT", path, {"items": items}, version)

    def _place_person(self, name: str) -> Wish | None:
        deal = self._deal()
        if deal is None:
            return None
        people = [row["id"] for row in self._world.of("contact") if row["account_id"] == deal["account_id"]]
        if not people:
            return None
        path = f"/v1/opportunities/{deal['id']}/stakeholders/{self._chance.choice(people)}"
        body = {"stance_note": name, **self._place()}
        # Who is on the map already is changed by a version, who is not is put there without one.
        return Wish("opportunities", "stakeholder", "PUT", path, body, self._chance.choice(["*", None]))

    def _plan(self, name: str) -> Wish | None:
        account = self._account()
        if account is None:
            return None
        body = {"type": "VISIT", "subject": name, "account_id": account["id"], "planned_start_at": _days(3)}
        return Wish("activities", "activity", "POST", "/v1/activities", body | self._owned())

    def _meet(self, name: str) -> Wish | None:
        found = self._two_people()
        if found is None:
            return None
        account, people = found
        body = {
            "type": "TECH_EXCHANGE", "status": "DONE", "subject": name, "account_id": account,
            "contact_ids": people, "started_at": _days(-self._chance.randint(1, 100)), "two_way": True,
        }  # fmt: skip
        return Wish("activities", "activity", "POST", "/v1/activities", body | self._owned())

    def _complete(self, _: str) -> Wish | None:
        planned = [row for row in self._world.of("activity")[-60:] if row["status"] == "PLANNED"]
        activity = self._some(planned)
        if activity is None:
            return None
        there = [row for row in self._world.of("contact") if row["account_id"] == activity["account_id"]]
        people = self._chance.sample(there, 2) if len(there) > 1 else []
        body: dict[str, Any] = self._chance.choice(
            [{"status": "DONE", "started_at": _days(-1)}, {"status": "CANCELLED"}, {"minutes": 45}]
        )
        body |= {"contact_ids": [each["id"] for each in people]}
        path = f"/v1/activities/{activity['id']}"
        return Wish("activities", "activity", "PATCH", path, body, self._match(activity))

    def _log_time(self, name: str) -> Wish | None:
        account = self._account()
        if account is None:
            return None
        body: dict[str, Any] = {
            "spent_on": _days(-1)[:10], "category": "TRAVEL", "minutes": 30, "account_id": account["id"], "note": name,
        }  # fmt: skip
        who = {} if self._me else {"member_id": self._somebody()}
        return Wish("activities", "time_log", "POST", "/v1/time-logs", body | who)

    def _reorganise(self, _: str) -> Wish | None:
        """Lets a seller report to somebody else: the administrator's."""
        members = self._world.of("member")
        sellers = [row for row in members if row["function"] == "SALES"]
        managers = [row["id"] for row in members if row["function"] == "SALES_MANAGER"]
        seller = self._some(sellers)
        if seller is None:
            return None
        change = {"manager_id": self._chance.choice(managers)}
        return Wish("contacts", "member", "PATCH", f"/v1/members/{seller['id']}", change, self._match(seller))


def _days(ahead: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=ahead):%Y-%m-%dT%H:%M:%SZ}"
