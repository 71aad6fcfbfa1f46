"""Deletes and restorations of members, accounts, people and links over HTTP, on a real database."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest

from services.contacts.handlers import HANDLERS
from services.kit.handlers import Batch
from tests.problems import assert_problem
from tests.services.contacts.conftest import House
from tests.services.contacts.test_statements import filled
from tests.services.elsewhere import event_of


def last(path: str) -> str:
    return path.rpartition("/")[2]


async def hear_of_a_deal(house: House, account: str, *, owner: str = "seller", status: str = "OPEN") -> str:
    """Tells of a deal at the account; gives its id."""
    id = str(uuid4())
    handler = HANDLERS["opportunity"]
    assert isinstance(handler, Batch)
    told = {"id": id, "account_id": account, "owner_id": house.id_of(owner), "status": status}
    async with await psycopg.AsyncConnection.connect(house.url, options="-c timezone=UTC") as session:
        await handler.handle(session, [event_of("opportunity", "created", 1, told)])
    return id


async def link(house: House, one: str, other: str, kind: str = "ALLY", **values: Any) -> str:
    """Links two people; gives the link's path."""
    body = {"to_contact_id": last(other), "kind": kind} | values
    answer = await house.call("seller", "POST", f"{one}/links", body)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def test_a_deleted_person_is_gone_everywhere_and_comes_back_as_it_was(house: House) -> None:
    account = await house.open("seller")
    path = await house.meet("seller", account, phones=["+41 31 4711"])
    before = await house.ok("seller", "GET", path)
    told = await house.ok("seller", "DELETE", path, if_match='"1"')
    assert (told["id"], told["version"]) == (last(path), 2)
    kept = datetime.fromisoformat(told["restorable_until_at"]) - datetime.fromisoformat(told["deleted_at"])
    assert kept == timedelta(days=30)
    for who in ("seller", "admin", "executive"):
        assert_problem(await house.call(who, "GET", path), 404, "not_found")
        assert (await house.ok(who, "GET", "/v1/contacts?count=true"))["total"] == 0
        assert (await house.ok(who, "GET", f"{account}/view"))["people"] == []
    assert_problem(await house.call("seller", "PATCH", path, {"name": "x"}, if_match="*"), 404, "not_found")
    assert_problem(await house.call("seller", "DELETE", path, if_match="*"), 404, "not_found")
    restored = await house.call("seller", "POST", f"{path}/restoration")
    assert (restored.status_code, restored.headers["etag"]) == (200, '"3"')
    stamps = {"version", "updated_at", "updated_by"}
    after = restored.json()
    assert {k: v for k, v in after.items() if k not in stamps} == {
        k: v for k, v in before.items() if k not in stamps
    }
    assert await house.ok("seller", "GET", path) == after
    assert [type_ for type_, _ in await house.entries(last(path))] == [
        "contact.created", "contact.deleted", "contact.restored",
    ]  # fmt: skip


async def test_a_delete_says_on_which_version_it_was_decided(house: House) -> None:
    path = await house.meet("seller", await house.open("seller"))
    assert_problem(await house.call("seller", "DELETE", path), 428, "if_match_required")
    refused = await house.call("seller", "DELETE", path, if_match='"7"')
    assert assert_problem(refused, 412, "version_conflict")["current"]["version"] == 1
    assert await house.entries(last(path)) == [("contact.created", 1)]


async def test_whoever_does_not_see_a_row_neither_deletes_nor_restores_it(house: House) -> None:
    account = await house.open("seller")
    person = await house.meet("seller", account)
    for path in (account, person):
        assert_problem(await house.call("stranger", "DELETE", path, if_match="*"), 404, "not_found")
        assert_problem(await house.call("executive", "DELETE", path, if_match="*"), 403, "not_yours_to_edit")
    await house.ok("seller", "DELETE", person, if_match="*")
    assert_problem(await house.call("stranger", "POST", f"{person}/restoration"), 404, "not_found")
    assert_problem(await house.call("executive", "POST", f"{person}/restoration"), 403, "not_yours_to_edit")
    await house.ok("seller", "DELETE", account, if_match="*")
    assert_problem(await house.call("stranger", "POST", f"{account}/restoration"), 404, "not_found")
    await house.ok("boss", "POST", f"{account}/restoration")
    assert_problem(
        await house.call("seller", "POST", f"/v1/contacts/{uuid4()}/restoration"), 404, "not_found"
    )


async def test_an_account_takes_its_people_and_their_links_along_and_brings_those_back(house: House) -> None:
    account, elsewhere = await house.open("seller"), await house.open("seller")
    jane, john = await house.meet("seller", account), await house.meet("seller", account, "John Doe")
    gone = await house.meet("seller", account, "Long gone")
    other = await house.meet("seller", elsewhere, "Other")
    links = [await link(house, jane, john), await link(house, other, jane)]
    await house.ok("seller", "DELETE", gone, if_match="*")
    told = await house.ok("seller", "DELETE", account, if_match="*")
    counts = {each["noun"]: each["count"] for each in told["dependants"] if each["meaning"] == "FOLLOW"}
    assert counts == {"account-standings": 0, "contacts": 2, "contact-links": 2}
    meanings = {each["noun"]: each["meaning"] for each in told["dependants"]}
    assert (meanings["opportunities"], meanings["activities"]) == ("REFUSE", "HIDE")
    assert (await house.ok("seller", "GET", f"{other}/links"))["items"] == []
    assert (await house.ok("admin", "GET", "/v1/contacts?count=true"))["total"] == 1
    assert_problem(await house.call("seller", "POST", f"{jane}/restoration"), 404, "not_found")
    assert_problem(await house.call("admin", "POST", f"{jane}/restoration"), 409, "account_deleted")
    await house.ok("seller", "POST", f"{account}/restoration")
    for path in (account, jane, john):
        await house.ok("seller", "GET", path)
    assert_problem(await house.call("seller", "GET", gone), 404, "not_found")
    assert {item["id"] for item in (await house.ok("seller", "GET", f"{other}/links"))["items"]} == {
        last(links[1])
    }
    assert await house.entries(last(jane)) == [
        ("contact.created", 1), ("contact.deleted", 2), ("contact.restored", 3),
    ]  # fmt: skip


async def test_an_account_with_open_deals_or_accounts_below_is_not_deleted(house: House) -> None:
    account = await house.open("seller")
    child = await house.open("seller", parent_account_id=last(account))
    deals = [await hear_of_a_deal(house, last(account)) for _ in range(7)]
    closed = await hear_of_a_deal(house, last(account), status="WON")
    problem = assert_problem(
        await house.call("seller", "DELETE", account, if_match="*"), 409, "has_dependants"
    )
    said = {each["field"]: each["message"] for each in problem["errors"]}
    assert said["accounts"].startswith("1 ")
    assert last(child) in said["accounts"]
    assert said["opportunities"].startswith("7 ")
    assert sum(id in said["opportunities"] for id in deals) == 5
    assert closed not in said["opportunities"]
    assert ("account.deleted", 2) not in await house.entries(last(account))


async def test_what_refuses_is_counted_and_named_only_where_it_is_seen(house: House) -> None:
    account = await house.open("seller")
    await house.ok("seller", "PATCH", account, {"team": []}, if_match="*")
    child = await house.open("stranger")
    await house.ok("admin", "PATCH", child, {"parent_account_id": last(account)}, if_match="*")
    problem = assert_problem(
        await house.call("seller", "DELETE", account, if_match="*"), 409, "has_dependants"
    )
    assert problem["errors"][0]["message"].startswith("1 ")
    assert last(child) not in problem["errors"][0]["message"]


async def test_a_deleted_account_has_its_deal_team_again_when_it_is_back(house: House) -> None:
    account = await house.open("seller")
    deal = await hear_of_a_deal(house, last(account))
    handler = HANDLERS["opportunity"]
    assert isinstance(handler, Batch)
    closed = {"id": deal, "account_id": last(account), "owner_id": house.id_of("seller"), "status": "LOST"}
    async with await psycopg.AsyncConnection.connect(house.url, options="-c timezone=UTC") as session:
        await handler.handle(session, [event_of("opportunity", "closed", 2, closed)])
    await house.ok("seller", "DELETE", account, if_match="*")
    async with await psycopg.AsyncConnection.connect(house.url, options="-c timezone=UTC") as session:
        await handler.handle(session, [event_of("opportunity", "updated", 3, closed | {"status": "OPEN"})])
    [standing] = await house.rows("SELECT deal_team_ids, deleted_at FROM account_standing")
    assert (standing["deal_team_ids"], standing["deleted_at"] is None) == ([], False)
    await house.ok("seller", "POST", f"{account}/restoration")
    [standing] = await house.rows("SELECT deal_team_ids, deleted_at FROM account_standing")
    assert (standing["deal_team_ids"], standing["deleted_at"]) == ([house.id_of("seller")], None)


async def test_an_account_is_not_restored_below_a_deleted_one(house: House) -> None:
    parent = await house.open("seller")
    child = await house.open("seller", parent_account_id=last(parent))
    await house.ok("seller", "DELETE", child, if_match="*")
    await house.ok("seller", "DELETE", parent, if_match="*")
    assert_problem(await house.call("seller", "POST", f"{child}/restoration"), 409, "parent_deleted")
    await house.ok("seller", "POST", f"{parent}/restoration")
    await house.ok("seller", "POST", f"{child}/restoration")


async def test_a_link_to_somebody_who_is_deleted_does_not_come_back(house: House) -> None:
    account = await house.open("seller")
    jane, john = await house.meet("seller", account), await house.meet("seller", account, "John Doe")
    path = await link(house, jane, john)
    for person in (jane, john):
        await house.ok("seller", "DELETE", person, if_match="*")
    await house.ok("seller", "POST", f"{jane}/restoration")
    assert (await house.ok("seller", "GET", f"{jane}/links"))["items"] == []
    assert_problem(await house.call("seller", "POST", f"{path}/restoration"), 409, "contact_deleted")
    await house.ok("seller", "POST", f"{john}/restoration")
    await house.ok("seller", "POST", f"{path}/restoration")
    assert len((await house.ok("seller", "GET", f"{jane}/links"))["items"]) == 1


async def test_a_link_is_restored_unless_the_two_are_linked_again(house: House) -> None:
    account = await house.open("seller")
    jane, john = await house.meet("seller", account), await house.meet("seller", account, "John Doe")
    path = await link(house, jane, john)
    await house.ok("seller", "DELETE", path, if_match="*")
    again = await link(house, jane, john)
    assert_problem(await house.call("seller", "POST", f"{path}/restoration"), 409, "linked")
    assert_problem(
        await house.call("seller", "POST", f"{john}/links/{last(path)}/restoration"), 404, "not_found"
    )
    await house.ok("seller", "DELETE", again, if_match="*")
    await house.ok("seller", "POST", f"{path}/restoration")


async def test_no_line_of_reporting_is_restored_into_a_circle(house: House) -> None:
    account = await house.open("seller")
    one, two, three = [await house.meet("seller", account, name) for name in ("One", "Two", "Three")]
    await link(house, one, two, "REPORTS_TO")
    await link(house, three, one, "REPORTS_TO")
    await house.ok("seller", "DELETE", one, if_match="*")
    closing = await link(house, two, three, "REPORTS_TO")
    assert_problem(await house.call("seller", "POST", f"{one}/restoration"), 409, "cycle")
    assert_problem(await house.call("seller", "GET", one), 404, "not_found")
    await house.ok("seller", "DELETE", closing, if_match="*")
    await house.ok("seller", "POST", f"{one}/restoration")
    await house.ok("seller", "DELETE", account, if_match="*")
    await house.ok("seller", "POST", f"{account}/restoration")


async def test_restoring_what_is_there_changes_nothing(house: House) -> None:
    account = await house.open("seller")
    person = await house.meet("seller", account)
    for path in (account, person):
        assert (await house.ok("seller", "POST", f"{path}/restoration"))["version"] == 1
    assert await house.entries(last(person)) == [("contact.created", 1)]


async def test_a_delete_and_a_restoration_under_a_key_answer_twice_alike(house: House) -> None:
    account = await house.open("seller")
    for method, path in (("DELETE", account), ("POST", f"{account}/restoration")):
        answers = [
            await house.call("seller", method, path, if_match="*", key=f"key {method}") for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(await house.entries(last(account))) == 3


async def test_members_who_own_or_manage_are_kept_and_told_of_another_way(house: House) -> None:
    path = f"/v1/members/{house.id_of('seller')}"
    assert_problem(await house.call("boss", "DELETE", path, if_match="*"), 403, "admin_only")
    account = await house.open("seller")
    await hear_of_a_deal(house, last(account))
    problem = assert_problem(await house.call("admin", "DELETE", path, if_match="*"), 409, "has_dependants")
    assert {each["field"] for each in problem["errors"]} == {"accounts", "opportunities"}
    assert all("active: false" in each["message"] for each in problem["errors"])
    boss = f"/v1/members/{house.id_of('boss')}"
    problem = assert_problem(await house.call("admin", "DELETE", boss, if_match="*"), 409, "has_dependants")
    assert [each["field"] for each in problem["errors"]] == ["members"]
    on_team = await house.open("seller", team=[{"member_id": house.id_of("stranger"), "function": "RND"}])
    stranger = f"/v1/members/{house.id_of('stranger')}"
    problem = assert_problem(
        await house.call("admin", "DELETE", stranger, if_match="*"), 409, "has_dependants"
    )
    assert last(on_team) in problem["errors"][0]["message"]


async def test_a_deleted_member_keeps_the_mail_address_and_comes_back_with_it(house: House) -> None:
    path = f"/v1/members/{house.id_of('stranger')}"
    await house.ok("admin", "DELETE", path, if_match="*")
    assert_problem(await house.call("admin", "GET", path), 404, "not_found")
    again = {"email": "stranger@example.com", "name": "Again"}
    assert_problem(await house.call("admin", "POST", "/v1/members", again), 409, "taken")
    assert_problem(await house.call("seller", "POST", f"{path}/restoration"), 403, "admin_only")
    assert (await house.ok("admin", "POST", f"{path}/restoration"))["email"] == "stranger@example.com"


async def test_nobody_is_put_below_a_deleted_member(house: House) -> None:
    manager = house.id_of("stranger")
    seller = f"/v1/members/{house.id_of('seller')}"
    below = await house.hire("below", manager_id=manager)
    await house.ok("admin", "DELETE", f"/v1/members/{below}", if_match="*")
    await house.ok("admin", "DELETE", f"/v1/members/{manager}", if_match="*")
    made = {"email": "new@example.com", "name": "New", "manager_id": manager}
    for answer in (
        await house.call("admin", "POST", "/v1/members", made),
        await house.call("admin", "PATCH", seller, {"manager_id": manager}, if_match="*"),
    ):
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "manager_id"
    answer = await house.call("admin", "POST", f"/v1/members/{below}/restoration")
    assert_problem(answer, 409, "manager_deleted")


async def test_an_account_is_not_restored_to_a_deleted_owner(house: House) -> None:
    account = await house.open("stranger")
    await house.ok("stranger", "DELETE", account, if_match="*")
    member = f"/v1/members/{house.id_of('stranger')}"
    await house.ok("admin", "DELETE", member, if_match="*")
    assert_problem(await house.call("admin", "POST", f"{account}/restoration"), 409, "owner_deleted")


@pytest.mark.parametrize("noun", ["accounts", "contacts", "members"])
async def test_external_ids_of_a_deleted_row_stay_taken(house: House, noun: str) -> None:
    account = await house.open("seller")
    ids = {"external_ids": {"crm": "A-1"}}
    bodies: dict[str, dict[str, Any]] = {
        "accounts": {"name": "Acme"},
        "contacts": {"name": "Jane", "account_id": last(account)},
        "members": {"name": "New", "email": "new@example.com"},
    }
    body = bodies[noun] | ids
    made = await house.ok("admin", "POST", f"/v1/{noun}", body)
    await house.ok("admin", "DELETE", f"/v1/{noun}/{made['id']}", if_match="*")
    other = body | ({"email": "other@example.com"} if noun == "members" else {})
    problem = assert_problem(await house.call("admin", "POST", f"/v1/{noun}", other), 409, "taken")
    assert "restor" in problem["detail"]
    await house.ok("admin", "POST", f"/v1/{noun}/{made['id']}/restoration")


async def test_nobody_is_added_to_an_account_while_it_is_deleted(house: House) -> None:
    """Whoever comes first, no living person is left at a deleted account."""
    for _ in range(10):
        account = await house.open("seller")
        body = {"account_id": last(account), "name": "Jane"}
        answers = await asyncio.gather(
            *(house.call("seller", "POST", "/v1/contacts", body) for _ in range(3)),
            house.call("seller", "DELETE", account, if_match="*"),
            *(house.call("seller", "POST", "/v1/contacts", body) for _ in range(3)),
        )
        assert {answer.status_code for answer in answers} <= {200, 201, 422}
    left = await house.rows(
        "SELECT count(*) FROM contact c JOIN account a ON a.id = c.account_id AND a.deleted_at IS NOT NULL"
        " WHERE c.deleted_at IS NULL"
    )
    assert left == [{"count": 0}]


DELETED_MEANWHILE: list[tuple[LiteralString, str, str, Mapping[str, Any], str]] = [
    ("member", "PATCH", "{account}", {"owner_id": "{member}"}, "owner_id"),
    ("member", "PATCH", "{account}", {"team": [{"member_id": "{member}", "function": "RND"}]}, "team.0.member_id"),
    ("account", "PATCH", "{account}", {"parent_account_id": "{parent}"}, "parent_account_id"),
    ("member", "POST", "/v1/accounts", {"name": "Acme", "owner_id": "{member}"}, "owner_id"),
    ("account", "POST", "/v1/accounts", {"name": "Acme", "parent_account_id": "{parent}"}, "parent_account_id"),
    ("member", "PUT", "/v1/accounts/by-external-id/crm/1", {"name": "Acme", "owner_id": "{member}"}, "owner_id"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "method", "path", "body", "field"), DELETED_MEANWHILE)
async def test_an_account_is_given_to_nobody_who_is_being_deleted(
    house: House, table: LiteralString, method: str, path: str, body: Mapping[str, Any], field: str
) -> None:
    ids = {"account": await house.open("seller"), "member": house.id_of("stranger")}
    ids["parent"] = last(await house.open("seller"))
    asked = ids["member" if table == "member" else "parent"]
    on = {"if_match": "*"} if method == "PATCH" else {}
    asking = house.call("admin", method, filled(path, ids), filled(body, ids), **on)
    answer = await beside_its_delete(house, table, asked, asking)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field


async def test_nobody_opens_an_account_while_being_deleted(house: House) -> None:
    asking = house.call("stranger", "POST", "/v1/accounts", {"name": "Acme"})
    answer = await beside_its_delete(house, "member", house.id_of("stranger"), asking)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "owner_id"


@pytest.mark.parametrize(
    ("table", "noun", "code"),
    [
        ("member", "accounts", "owner_deleted"),
        ("account", "accounts", "parent_deleted"),
        ("member", "members", "manager_deleted"),
        ("account", "contacts", "account_deleted"),
    ],
)
async def test_nothing_is_restored_below_what_is_being_deleted(
    house: House, table: LiteralString, noun: str, code: str
) -> None:
    parent = await house.open("seller")
    boss = house.id_of("stranger")
    account = {"name": "Acme", "parent_account_id": last(parent), "owner_id": boss}
    bodies = {"accounts": account, "members": {"email": "b@example.com", "name": "B", "manager_id": boss}}
    if noun == "contacts":
        path = await house.meet("seller", parent)
    else:
        path = (await house.call("admin", "POST", f"/v1/{noun}", bodies[noun])).headers["location"]
    await house.ok("admin", "DELETE", path, if_match="*")
    asking = house.call("admin", "POST", f"{path}/restoration")
    above = boss if table == "member" else last(parent)
    assert_problem(await beside_its_delete(house, table, above, asking), 409, code)


async def test_no_link_is_restored_to_somebody_who_is_being_deleted(house: House) -> None:
    account = await house.open("seller")
    jane, john = await house.meet("seller", account), await house.meet("seller", account, "John Doe")
    path = await link(house, jane, john)
    await house.ok("seller", "DELETE", path, if_match="*")
    asking = house.call("seller", "POST", f"{path}/restoration")
    assert_problem(await beside_its_delete(house, "contact", last(john), asking), 409, "contact_deleted")


async def test_no_link_comes_back_with_one_to_another_who_is_being_deleted(house: House) -> None:
    account = await house.open("seller")
    jane, john = await house.meet("seller", account), await house.meet("seller", account, "John Doe")
    await link(house, jane, john)
    await house.ok("seller", "DELETE", jane, if_match="*")
    asking = house.call("seller", "POST", f"{jane}/restoration")
    assert (await beside_its_delete(house, "contact", last(john), asking)).status_code == 200
    assert (await house.ok("seller", "GET", f"{jane}/links"))["items"] == []


async def beside_its_delete(
    house: House, table: LiteralString, id: str, asking: Coroutine[Any, Any, Any]
) -> Any:
    """The answer to a request that comes when the row is locked for its delete, which ends once the request waits."""
    async with await psycopg.AsyncConnection.connect(house.url) as other:
        await other.execute("SELECT FROM " + table + " WHERE id = %s FOR UPDATE", [id])
        asked = asyncio.create_task(asking)
        while not await is_waited_for(other):
            if (await asyncio.wait([asked], timeout=0.01))[0]:
                break
        await other.execute("UPDATE " + table + " SET deleted_at = now() WHERE id = %s", [id])
    return await asked


async def is_waited_for(session: psycopg.AsyncConnection) -> bool:
    """Whether another session waits for a lock of this one's."""
    cursor = await session.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def test_a_hundred_deletes_at_once_are_one(house: House) -> None:
    account = await house.open("seller")
    await house.meet("seller", account)
    answers = await asyncio.gather(
        *(house.call("seller", "DELETE", account, if_match="*") for _ in range(100))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 99
    assert len(await house.entries(last(account))) == 2
