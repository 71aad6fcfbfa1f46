"""While the owner of a reference takes its time, the request that asked keeps nobody from the database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from services.activities.main import SERVICE as ACTIVITIES
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.descriptor import Service
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import api_of, as_, callers
from tests.colliding import collide
from tests.conftest import DatabaseUrl
from tests.services.activities import conftest as activities
from tests.services.elsewhere import NOWHERE, Owners
from tests.services.opportunities import conftest as opportunities

VISIT = {"type": "VISIT", "subject": "x", "planned_start_at": "2099-01-01T08:00:00Z"}
HOUR = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 60}
FRIEND = {"roles": ["USER"], "influence": "H"}


@asynccontextmanager
async def one_connection(
    service: Service, url: str, seller: str, owners: Owners
) -> AsyncGenerator[AsyncClient]:
    """The service with a pool of one."""
    known = callers()
    known.add("seller", "rep", member_id=UUID(seller))
    peers = AsyncClient(transport=ASGITransport(owners))
    async with api_of(service, url, known, peers=peers, given={"database_pool_size": 1}) as client:
        client.headers.update(as_("seller", if_match="*"))
        yield client


async def goes_on_meanwhile(
    client: AsyncClient, owners: Owners, method: str, path: str, body: Any, read: str
) -> Any:
    """Has the owner asked, reads while it does not answer, then lets it; gives the answer."""
    owners.hold, owners.reached = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(30):
        writing = asyncio.create_task(client.request(method, path, json=body))
        await owners.reached.wait()
        assert (await client.get(read)).status_code == 200
        assert not writing.done()
        owners.hold.set()
        return await writing


async def test_deals_and_their_maps_wait_for_owners_without_a_connection(database_url: DatabaseUrl) -> None:
    owners, seller = Owners(), opportunities.SELLERS["seller"]
    accounts = [
        owners.tell("accounts", name="x", owner_id=seller, team=[], external_ids={}) for _ in range(2)
    ]
    told = {"account_id": opportunities.ACCOUNT, "title": None, "department": "TECHNICAL", "level": "MIDDLE"}
    people = [owners.tell("contacts", name="x", **told) for _ in range(2)]
    url = database_url("opportunities", opportunities.scene)
    async with one_connection(OPPORTUNITIES, url, seller, owners) as client:

        async def held(method: str, path: str, body: Any) -> Any:
            return await goes_on_meanwhile(client, owners, method, path, body, "/v1/opportunities")

        made = await held("POST", "/v1/opportunities", {"name": "x", "account_id": accounts[0]})
        assert (made.status_code, made.json()["account_id"]) == (201, accounts[0])
        path = made.headers["location"]
        moved = await held("PATCH", path, {"account_id": accounts[1]})
        assert (moved.status_code, moved.json()["account_id"]) == (200, accounts[1])
        put = await held("PUT", f"{path}/stakeholders/{people[0]}", FRIEND)
        assert put.status_code == 201
        drawn = await held("PUT", f"{path}/stakeholders", {"items": [{"contact_id": people[1], **FRIEND}]})
        assert [each["contact_id"] for each in drawn.json()["items"]] == people[1:]


async def test_activities_and_time_logs_wait_for_owners_without_a_connection(
    database_url: DatabaseUrl,
) -> None:
    owners, seller = Owners(), activities.MEMBERS["seller"]
    accounts = [
        owners.tell("accounts", name="x", owner_id=seller, team=[], external_ids={}) for _ in range(4)
    ]
    url = database_url("activities", activities.scene)
    async with one_connection(ACTIVITIES, url, seller, owners) as client:
        for path, body in (("/v1/activities", VISIT), ("/v1/time-logs", HOUR)):

            async def held(method: str, target: str, body: Any, read: str = path) -> Any:
                return await goes_on_meanwhile(client, owners, method, target, body, read)

            made = await held("POST", path, body | {"account_id": accounts.pop()})
            assert made.status_code == 201, made.text
            account = accounts.pop()
            moved = await held("PATCH", made.headers["location"], {"account_id": account})
            assert (moved.status_code, moved.json()["account_id"]) == (200, account), moved.text


async def test_an_owner_is_asked_once_a_request_and_what_stays_unknown_is_refused(
    database_url: DatabaseUrl,
) -> None:
    owners, seller = Owners(), opportunities.SELLERS["seller"]
    async with one_connection(
        OPPORTUNITIES, database_url("opportunities", opportunities.scene), seller, owners
    ) as client:
        refused = await client.post("/v1/opportunities", json={"name": "x", "account_id": NOWHERE})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "account_id")
        assert len(owners.asked) == 1


async def test_what_an_owner_shows_is_kept_though_it_collides(database_url: DatabaseUrl) -> None:
    owners, seller = Owners(), activities.MEMBERS["seller"]
    account = owners.tell("accounts", name="x", owner_id=seller, team=[], external_ids={})
    url = database_url("activities", activities.scene)
    collide(url, "account", times=2)
    async with one_connection(ACTIVITIES, url, seller, owners) as client:
        made = await client.post("/v1/activities", json=VISIT | {"account_id": account})
        assert made.status_code == 201, made.text
        assert len(owners.asked) == 1
