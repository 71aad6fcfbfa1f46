"""Copies of what others own: folded from events, or learnt from the owner while writing."""

from typing import Any

import pytest
from sqlalchemy.dialects.postgresql import dialect

from services.activities.copies import ACCOUNTS, CONTACTS, MEMBERS, OPPORTUNITIES
from services.activities.main import SERVICE
from tests.services.activities.conftest import House, refused
from tests.services.elsewhere import NOWHERE, event_of


def test_copies_are_folded_in_the_types_of_their_tables() -> None:
    for copy in (MEMBERS, ACCOUNTS, CONTACTS, OPPORTUNITIES):
        columns = dict(SERVICE.metadata.tables[copy.table].c)
        types = {name: columns[name].type.compile(dialect=dialect()).lower() for name in columns}
        kept = {"id": "uuid", "version": "integer", "deleted_at": "timestamp with time zone"}
        kept |= {"erased": "boolean"}
        kept |= {"former_names": "text[]", "known_from_start": "boolean"} if copy.former else {}
        told = {name: copy.types.get(name, "text") for name in copy.reader.model_fields if name != "id"}
        assert types == kept | told, copy.table


async def test_an_event_told_twice_has_one_effect(house: House) -> None:
    told: dict[str, dict[str, Any]] = {
        "member": {
            "name": "王芳", "email": "wf@example.com", "function": "RND", "manager_id": None, "active": True,
            "subject": "auth0|7", "external_ids": {"hr": "工-7"},
        },
        "account": {"name": "北方重工", "owner_id": house.members["stranger"], "team": [], "external_ids": {}},
        "contact": {"name": "赵敏", "account_id": house.account},
        "opportunity": {
            "name": "二期", "account_id": house.account, "owner_id": house.members["stranger"], "stage": "BIDDING",
            "status": "OPEN",
        },
    }  # fmt: skip
    for aggregate, data in told.items():
        id = await house.hear(aggregate, **data)
        once = await everything(house)
        assert id in str(once)
        again: dict[str, Any] = data | {"id": id}
        await house.hear(aggregate, **again)
        assert await everything(house) == once
        await house.hear(aggregate, "snapshot", **again, a_field_of_tomorrow=1)
        assert await everything(house) == once


async def everything(house: House) -> list[tuple[Any, ...]]:
    """Every copy, and who sees what by them."""
    return await house.rows("""
      SELECT 'member', to_jsonb(t)::text FROM member t UNION ALL SELECT 'account', to_jsonb(t)::text FROM account t
      UNION ALL SELECT 'contact', to_jsonb(t)::text FROM contact t
      UNION ALL SELECT 'opportunity', to_jsonb(t)::text FROM opportunity t
      UNION ALL SELECT 'person_up', to_jsonb(t)::text FROM person_up t
      UNION ALL SELECT 'account_seat', to_jsonb(t)::text FROM account_seat t
      UNION ALL SELECT 'account_view', to_jsonb(t)::text FROM account_view t ORDER BY 1, 2""")


async def test_what_is_older_changes_nothing_and_gone_stays_gone(house: House) -> None:
    newer = {"id": house.people[0], "account_id": house.account, "name": "李雷雷"}
    await house.hear("contact", "updated", 3, **newer)
    await house.hear("contact", "updated", 2, **newer | {"name": "李蕾"})
    assert await names(house) == {"李雷雷", "韩梅梅"}
    await house.hear("contact", "deleted", 4, **newer)
    await house.hear("contact", "updated", 3, **newer)
    assert await names(house) == {"韩梅梅"}


async def names(house: House) -> set[str]:
    return {name for (name,) in await house.rows("SELECT name FROM contact WHERE deleted_at IS NULL")}


async def test_several_events_of_one_subject_leave_the_last(house: House) -> None:
    id, stranger = await house.open_account("seller"), house.members["stranger"]
    told: dict[str, Any] = {"id": id, "team": [], "external_ids": {}}
    events = [
        event_of("account", "updated", 3, told | {"name": "三", "owner_id": stranger}),
        event_of("account", "updated", 2, told | {"name": "二", "owner_id": None}),
    ]
    await house.handle("account", events)
    assert await house.rows(f"SELECT name, version FROM account WHERE id = '{id}'") == [("三", 3)]
    assert (await house.call("stranger", "GET", f"/v1/accounts/{id}/view")).status_code == 200
    assert (await house.call("seller", "GET", f"/v1/accounts/{id}/view")).status_code == 404


async def test_what_is_not_known_yet_is_learnt_from_its_owner(house: House) -> None:
    seller = house.members["seller"]
    member = house.owners.tell(
        "members",
        name="新人",
        email="new@example.com",
        function="PRESALES",
        manager_id=None,
        active=True,
        external_ids={},
    )
    account = house.owners.tell(
        "accounts", name="北方重工", owner_id=seller, team=[], external_ids={}, website="x"
    )
    person = house.owners.tell("contacts", account_id=account, name="赵敏", phones=["+86 10 1234"])
    deal = house.owners.tell(
        "opportunities", name="一期", account_id=account, owner_id=seller, stage="TARGETING", status="OPEN"
    )
    said = {
        "account_id": None,
        "opportunity_id": deal,
        "contact_ids": [person],
        "our_attendees": [{"member_id": member, "function": "PRESALES"}],
    }
    made = await house.make("seller", **said)
    assert made["account_id"] == account
    assert {noun for noun, _, _ in house.owners.asked} == {"members", "contacts", "opportunities"}
    assert {token for _, token, _ in house.owners.asked} == {"Bearer seller"}
    house.owners.asked.clear()
    await house.make("seller", **said | {"opportunity_id": None, "account_id": account})
    assert [noun for noun, _, _ in house.owners.asked] == ["accounts"]
    house.owners.asked.clear()
    await house.make("seller", **said | {"account_id": account})
    assert house.owners.asked == []


async def test_the_owners_word_on_sight_is_newer_than_ours(house: House) -> None:
    house.owners.tell(
        "accounts", id=house.account, version=1, name="云山电网", owner_id=None, team=[], external_ids={}
    )
    made = await house.make("stranger")
    assert made["owner_id"] == house.members["stranger"]
    assert (await house.call("stranger", "GET", f"/v1/activities/{made['id']}")).status_code == 200
    lead = house.owners.tell(
        "opportunities", id=house.deal, version=1, name="变电站改造", account_id=house.account, owner_id=None,
        stage="ENGAGEMENT", status="OPEN",
    )  # fmt: skip
    made = await house.make("stranger", account_id=None, opportunity_id=lead)
    assert made["account_id"] == house.account


async def test_an_older_answer_does_not_undo_a_newer_event(house: House) -> None:
    await house.hear(
        "account", "updated", 5, id=house.account, name="新名", owner_id=None, team=[], external_ids={}
    )
    house.owners.tell(
        "accounts", id=house.account, version=2, name="旧名", owner_id=None, team=[], external_ids={}
    )
    await house.make("stranger")
    [(name,)] = await house.rows("SELECT name FROM account")
    assert name == "新名"


async def test_a_change_learns_as_well(house: House) -> None:
    made = await house.make("seller")
    person = house.owners.tell("contacts", account_id=house.account, name="赵敏")
    path = f"/v1/activities/{made['id']}"
    answer = await house.call("seller", "PATCH", path, {"contact_ids": [person]}, if_match="*")
    assert (answer.status_code, answer.json()["contact_ids"]) == (200, [person])
    log = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 9}
    account = house.owners.tell(
        "accounts", name="北方重工", owner_id=house.members["seller"], team=[], external_ids={}
    )
    made = await house.call("seller", "POST", "/v1/time-logs", log | {"account_id": account})
    assert (made.status_code, made.json()["account_id"]) == (201, account)


@pytest.mark.parametrize("status", [500, 401])
async def test_an_owner_that_does_not_answer_leaves_the_question_open(house: House, status: int) -> None:
    house.owners.status = status
    answer = await house.call("seller", "POST", "/v1/activities", house.visit(account_id=NOWHERE), key="k")
    assert (answer.status_code, answer.json()["code"]) == (503, "reference_unverified")
    assert answer.headers["retry-after"] == "1"
    house.owners.status = 200
    answer = await house.call("seller", "POST", "/v1/activities", house.visit(account_id=NOWHERE), key="k")
    assert refused(answer) == {"account_id": "unknown"}
    known = await house.make("seller")
    assert known["account_id"] == house.account
