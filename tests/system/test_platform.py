"""The whole platform: what one service does shows in the others, and the view bears the loss of any of them."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.stack import RunningStack, eventually, on_the_stack

pytestmark = on_the_stack

ADMIN = "admin@example.com"
SELLER = "darcel.schlecht@example.com"
STRANGER = "elizabeth.anderson@example.com"
SUCCESSOR = "reed.clapper@example.com"


def member(stack: RunningStack, email: str) -> str:
    return stack.get(email, "/v1/me")["member_id"]


def account(stack: RunningStack, name: str, owner: str = SELLER) -> str:
    return stack.post(owner, "/v1/accounts", {"name": name})["id"]


def person(stack: RunningStack, account_id: str, name: str) -> str:
    body = {"account_id": account_id, "name": name, "title": "Engineer"}
    return stack.post(SELLER, "/v1/contacts", body)["id"]


def deal(stack: RunningStack, account_id: str, asker: str = SELLER, **values: object) -> str:
    body = {"account_id": account_id, "name": "A deal", "amount": 100_000, **values}
    return stack.post(asker, "/v1/opportunities", body)["id"]


def sees(stack: RunningStack, email: str, account_id: str) -> bool:
    """Whether every service shows the account to somebody."""
    answer = stack.ask(email, "GET", f"/v1/accounts/{account_id}/view")
    return answer.status_code == 200 and answer.json()["missing"] == []


def is_gone(stack: RunningStack, email: str, account_id: str) -> bool:
    """Whether no service shows the account to somebody."""
    return stack.ask(email, "GET", f"/v1/accounts/{account_id}/view").status_code == 404


def network(stack: RunningStack, deal_id: str) -> str:
    return stack.get(SELLER, f"/v1/opportunities/{deal_id}/relationship")["network"]


def two_supporters(stack: RunningStack, name: str) -> tuple[str, str, str, str]:
    """An account, two people there who are for us, and the deal on whose map they are."""
    account_id = account(stack, name)
    one, other = person(stack, account_id, "Ada Yun"), person(stack, account_id, "林小雨")
    deal_id = deal(stack, account_id)
    supporters = [
        {"contact_id": one, "roles": ["DECISION_MAKER"], "influence": "H", "stance": "SUPPORTER"},
        {"contact_id": other, "roles": ["USER"], "influence": "M", "stance": "FRIEND"},
    ]
    stack.put(SELLER, f"/v1/opportunities/{deal_id}/stakeholders", {"items": supporters})
    assert network(stack, deal_id) == "NONE"
    return account_id, one, other, deal_id


def deal_team(stack: RunningStack, account_id: str) -> list[str]:
    """Who is on the account's team because of a deal."""
    standing = stack.get(SELLER, f"/v1/accounts/{account_id}/view")["standing"]
    return standing["deal_team_ids"] if standing else []


def test_owner_of_an_open_deal_is_on_the_team_until_it_closes(stack: RunningStack) -> None:
    account_id = account(stack, "Team of a deal")
    stranger = member(stack, STRANGER)
    assert not sees(stack, STRANGER, account_id)
    deal_id = deal(stack, account_id, ADMIN, owner_id=stranger)
    eventually(lambda: sees(stack, STRANGER, account_id))
    assert deal_team(stack, account_id) == [stranger]
    stack.post(STRANGER, f"/v1/opportunities/{deal_id}/stage", {"to": "LOST", "reason_code": "PRICE"})
    eventually(lambda: is_gone(stack, STRANGER, account_id))
    assert deal_team(stack, account_id) == []


def test_deal_that_changes_hands_takes_the_seat_along(stack: RunningStack) -> None:
    account_id = account(stack, "Team of another deal")
    deal_id = deal(stack, account_id, ADMIN, owner_id=member(stack, STRANGER))
    eventually(lambda: sees(stack, STRANGER, account_id))
    stack.patch(ADMIN, f"/v1/opportunities/{deal_id}", {"owner_id": member(stack, SUCCESSOR)})
    eventually(lambda: sees(stack, SUCCESSOR, account_id))
    eventually(lambda: is_gone(stack, STRANGER, account_id))


def test_meeting_of_two_supporters_ties_them(stack: RunningStack) -> None:
    account_id, one, other, deal_id = two_supporters(stack, "Tied by a meeting")
    meeting = {
        "type": "TECH_EXCHANGE",
        "status": "DONE",
        "started_at": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "account_id": account_id,
        "contact_ids": [one, other],
        "subject": "Both at one table",
        "two_way": True,
    }
    stack.post(SELLER, "/v1/activities", meeting)
    eventually(lambda: network(stack, deal_id) == "PARTIAL")


def test_alliance_of_two_supporters_ties_them(stack: RunningStack) -> None:
    _, one, other, deal_id = two_supporters(stack, "Tied by an alliance")
    stack.post(SELLER, f"/v1/contacts/{one}/links", {"to_contact_id": other, "kind": "ALLY"})
    eventually(lambda: network(stack, deal_id) == "PARTIAL")


@pytest.mark.parametrize("service", ["opportunities", "activities"])
def test_names_are_copied_and_follow_a_change(stack: RunningStack, service: str) -> None:
    account_id = account(stack, f"Known in {service}")
    person_id = person(stack, account_id, "Before")
    eventually(lambda: copied_name(stack, service, person_id) == "Before")
    stack.patch(SELLER, f"/v1/contacts/{person_id}", {"name": "之后"})
    eventually(lambda: copied_name(stack, service, person_id) == "之后")


def copied_name(stack: RunningStack, service: str, contact_id: str) -> str | None:
    record = stack.home.running()
    assert record is not None
    with psycopg.connect(record.addresses[f"{service.upper()}_DATABASE_URL"]) as connection:
        row = connection.execute("SELECT name FROM contact WHERE id = %s", [contact_id]).fetchone()
    return row[0] if row else None


KEYS = {
    "contacts": ("account", "standing", "people"),
    "opportunities": ("deals", "totals"),
    "activities": ("activities", "minutes"),
}


@pytest.mark.parametrize("service", KEYS)
def test_view_names_the_service_that_is_gone_and_heals(stack: RunningStack, service: str) -> None:
    account_id = stack.get(SELLER, "/v1/accounts?q=acme")["items"][0]["id"]
    path = f"/v1/accounts/{account_id}/view"
    stack.kill(f"{service}-api")
    view = eventually(lambda: (told := stack.get(SELLER, path))["missing"] and told)
    assert [part["part"] for part in view["missing"]] == [service]
    for part, keys in KEYS.items():
        assert all((view[key] is None) == (part == service) for key in keys)
    eventually(lambda: stack.get(SELLER, path)["missing"] == [], seconds=60)
    assert all(stack.get(SELLER, path)[key] for keys in KEYS.values() for key in keys)
