"""Standings are derived from what opportunities tells: whose open deals put them on an account's team."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.contacts.handlers import HANDLERS
from services.kit.db import Database
from services.kit.events import Event
from services.kit.handlers import Batch
from tests.services.contacts.conftest import House

DEAL, OTHER_DEAL = uuid4(), uuid4()


@pytest.fixture
async def db(house: House) -> AsyncIterator[Database]:
    opened = Database(house.url, name="worker")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def account(house: House) -> str:
    """An account that nobody owns: only deals let anybody but administrators see it."""
    return await house.open("admin")


def told(version: int, account: str | None, owner: str | None, *, deal: UUID = DEAL, status: str = "OPEN",
         fact: str = "updated") -> Event:  # fmt: skip
    data = {
        "id": str(deal),
        "account_id": account and account[-36:],
        "owner_id": owner,
        "status": status,
        "amount": 1,
    }
    return Event(
        id="1", source="opportunities", type=f"opportunity.{fact}", schema_version=1, aggregate="opportunity",
        subject_id=deal, version=version, position=version, time=datetime(2026, 1, 1, tzinfo=UTC), actor="x",
        imported=False, data=data, changed=None, key=str(deal),
    )  # fmt: skip


async def hear(db: Database, *events: Event) -> None:
    """Lets the service's handler hear the events, as one batch in one transaction."""
    handler = HANDLERS["opportunity"]
    assert isinstance(handler, Batch)
    async with db.transaction() as tx:
        await handler.handle(tx, events)


async def team(house: House, account: str) -> Any:
    standing = (await house.ok("admin", "GET", f"{account}/view"))["standing"]
    return standing and standing["deal_team_ids"]


async def statuses(house: House, account: str) -> list[int]:
    return [(await house.call(who, "GET", account)).status_code for who in ("seller", "boss", "stranger")]


async def test_the_owner_of_an_open_deal_sees_the_account_until_it_closes(
    house: House, db: Database, account: str
) -> None:
    seller = house.id_of("seller")
    assert await statuses(house, account) == [404, 404, 404]
    await hear(db, told(1, account, seller, fact="created"))
    assert await statuses(house, account) == [200, 200, 404]
    assert await team(house, account) == [seller]
    await hear(db, told(2, account, seller, status="WON", fact="closed"))
    assert await statuses(house, account) == [404, 404, 404]
    assert await team(house, account) == []
    assert await house.entries(account[-36:]) == [
        ("account.created", 1), ("account_standing.created", 1), ("account_standing.updated", 2),
    ]  # fmt: skip


async def test_sight_goes_with_the_deal_from_hand_to_hand(house: House, db: Database, account: str) -> None:
    await hear(db, told(1, account, house.id_of("seller")))
    await hear(db, told(2, account, house.id_of("stranger")))
    assert await statuses(house, account) == [404, 404, 200]
    assert await team(house, account) == [house.id_of("stranger")]


async def test_sight_goes_with_the_deal_from_account_to_account(
    house: House, db: Database, account: str
) -> None:
    other, seller = await house.open("admin"), house.id_of("seller")
    await hear(db, told(1, account, seller))
    await hear(db, told(2, other, seller))
    assert (await team(house, account), await team(house, other)) == ([], [seller])
    assert [(await statuses(house, path))[0] for path in (account, other)] == [404, 200]
    await hear(db, told(3, None, seller))
    assert await team(house, other) == []


async def test_who_has_two_deals_keeps_sight_when_one_closes(
    house: House, db: Database, account: str
) -> None:
    seller, boss = house.id_of("seller"), house.id_of("boss")
    await hear(db, told(1, account, seller), told(2, account, seller, deal=OTHER_DEAL))
    await hear(db, told(3, account, seller, status="LOST"))
    assert await statuses(house, account) == [200, 200, 404]
    await hear(db, told(4, account, boss))
    assert await team(house, account) == sorted([seller, boss])


async def test_an_event_that_comes_twice_has_one_effect(house: House, db: Database, account: str) -> None:
    events = [told(1, account, house.id_of("seller")), told(2, account, house.id_of("stranger"))]
    await hear(db, *events)
    before = await house.rows("SELECT id FROM journal")
    for again in (events, events[::-1], events[:1]):
        await hear(db, *again)
    assert await house.rows("SELECT id FROM journal") == before
    assert await team(house, account) == [house.id_of("stranger")]


async def test_a_standing_is_the_softwares_own_word(house: House, db: Database, account: str) -> None:
    await hear(db, told(1, account, house.id_of("seller")))
    [entry] = await house.rows(
        "SELECT actor, request_id, imported, partition_key, changed FROM journal WHERE aggregate = 'account_standing'"
    )
    assert (entry["actor"], entry["request_id"], entry["imported"]) == ("service:contacts", None, False)
    assert str(entry["partition_key"]) == account[-36:]
    assert (await house.ok("admin", "GET", account))["version"] == 1, "nobody gets a 412 for a deal"


async def test_a_deal_of_nobody_or_of_no_account_seats_nobody(
    house: House, db: Database, account: str
) -> None:
    await hear(db, told(1, account, None), told(1, None, house.id_of("seller"), deal=OTHER_DEAL))
    assert await team(house, account) is None
    assert await statuses(house, account) == [404, 404, 404]


async def test_a_deal_at_an_account_that_is_not_known_waits_for_nothing(house: House, db: Database) -> None:
    unknown = f"/v1/accounts/{uuid4()}"
    await hear(db, told(1, unknown, house.id_of("seller")))
    assert await house.rows("SELECT id FROM account_standing") == []


async def test_a_deleted_deal_takes_its_seat_along(house: House, db: Database, account: str) -> None:
    seller = house.id_of("seller")
    await hear(db, told(1, account, seller))
    await hear(db, told(2, account, seller, fact="deleted"))
    assert await statuses(house, account) == [404, 404, 404]
    await hear(db, told(3, account, seller, fact="restored"))
    assert await statuses(house, account) == [200, 200, 404]


async def test_owner_and_deal_are_two_reasons_to_see(house: House, db: Database) -> None:
    account, seller = await house.open("seller"), house.id_of("seller")
    await hear(db, told(1, account, seller))
    await hear(db, told(2, account, seller, status="WON"))
    assert await statuses(house, account) == [200, 200, 404]
    await hear(db, told(3, account, seller))
    await house.ok("admin", "PATCH", account, {"owner_id": None}, if_match="*")
    assert await statuses(house, account) == [200, 200, 404]


async def test_two_workers_derive_one_standing(house: House, db: Database, account: str) -> None:
    people = [house.id_of(who) for who in ("seller", "boss", "stranger")]
    for version in range(1, 4):
        await asyncio.gather(
            *(
                hear_until_heard(db, told(version, account, id, deal=UUID(int=n)))
                for n, id in enumerate(people)
            )
        )
    assert await team(house, account) == sorted(people)
    versions = await house.rows(
        "SELECT version FROM journal WHERE aggregate = 'account_standing' ORDER BY id"
    )
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))


async def hear_until_heard(db: Database, event: Event) -> None:
    while True:
        try:
            return await hear(db, event)
        except psycopg.errors.DeadlockDetected:
            continue
