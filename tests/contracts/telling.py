"""Each service driven through all that makes it tell something, with private words wherever there is room for them.

What a service journals on the way is read back and encoded as its relay would.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from deploy.local.schemas import PUBLIC
from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.handlers import HANDLERS
from services.contacts.main import SERVICE as CONTACTS
from services.kit import imports_work, republish
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.db import Database
from services.kit.descriptor import Service
from services.kit.envelope import Encoder, JournalRow
from services.kit.handlers import Batch
from services.kit.jobs import Kind, Worker
from services.kit.journal import Cause
from services.kit.kafka import Record
from services.kit.purging import purge
from services.kit.settings import Settings
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import api_of, as_, callers, prepared
from tests.contracts.examples import EXAMPLES, Example
from tests.contracts.shapes import event_of
from tests.jobs import work_off
from tests.servers import Databases
from tests.services.activities.conftest import House as ActivitiesHouse
from tests.services.activities.conftest import opened as activities_opened
from tests.services.activities.conftest import scene as activities_scene
from tests.services.contacts.conftest import House as ContactsHouse
from tests.services.elsewhere import Owners
from tests.services.opportunities.conftest import ACCOUNT, PEOPLE, SELLERS
from tests.services.opportunities.conftest import House as OpportunitiesHouse
from tests.services.opportunities.conftest import scene as opportunities_scene

PRIVATE: Final[Mapping[str, Sequence[str]]] = {
    "contacts": [
        "+86 139 5555 0101",
        "+86 139 5555 0102",
        "private.one@example.org",
        "private.two@example.org",
        "私下的关系",
        "https://private.example.org",
        "机密办公室",
    ],
    "opportunities": ["秘密需求", "秘密资金", "秘密证据", "秘密立场", "秘密改变", "秘密备注"],
    "activities": ["机密主题", "机密结果", "机密下一步", "机密时间"],
}
"""Words that calls of each service carry and that stay at home."""

_SCENES: Final[Mapping[str, Callable[[str], None]]] = {
    "contacts": prepared(CONTACTS),
    "opportunities": opportunities_scene,
    "activities": activities_scene,
}
_JOURNAL: LiteralString = """
SELECT id, recorded_at, event_id, type, aggregate, aggregate_id, version, partition_key, actor, request_id, traceparent,
       imported, changed, state
FROM journal ORDER BY id"""


async def journaled(url: str) -> list[JournalRow]:
    """The journal's rows in their order."""
    async with await psycopg.AsyncConnection.connect(url, options="-c timezone=UTC") as session:
        return [JournalRow(*row) for row in await (await session.execute(_JOURNAL)).fetchall()]


def encoded(service: str, rows: Sequence[JournalRow]) -> list[Record]:
    """The rows as the service's relay publishes them."""
    encoder = Encoder(service, PUBLIC[service])
    return [record for row in rows if (record := encoder.encode(row)) is not None]


async def contacts_tells(databases: Databases) -> list[JournalRow]:
    """Members, an account, people and their links over HTTP; a standing by what is heard of a deal."""
    phone, other_phone, mail, other_mail, note, website, office = PRIVATE["contacts"]
    async with _database(databases, CONTACTS) as url:
        known = callers()
        async with api_of(CONTACTS, url, known) as client:
            house = ContactsHouse(client, known, [], url)
            boss = await house.hire("boss", "manager", "rep")
            seller = await house.hire("seller", manager_id=boss)
            told = {"function": "SALES_MANAGER", "external_ids": {"hr": "1042"}}
            await _done(house, "admin", "PATCH", f"/v1/members/{seller}", told)
            group = await _done(house, "seller", "POST", "/v1/accounts", {"name": "云山集团"})
            account = await _done(
                house, "seller", "POST", "/v1/accounts",
                {
                    "name": "云山电网", "industry": "电力", "parent_account_id": group,
                    "team": [{"member_id": boss, "function": "EXECUTIVE"}], "external_ids": {"crm": "A-17"},
                    "target_type": "FIRST_TIME_TARGET", "website": website, "office_location": office,
                },
            )  # fmt: skip
            path = f"/v1/accounts/{account}"
            await _done(house, "seller", "PATCH", path, {"region": "华东", "website": website + "/two"})
            chief, engineer = [
                await _done(
                    house, "seller", "POST", "/v1/contacts",
                    {
                        "account_id": account, "name": name, "title": "总工程师", "department": "TECHNICAL",
                        "phones": [phone], "emails": [mail], "real_influence": "H",
                    },
                )
                for name in ("李雷", "韩梅梅")
            ]  # fmt: skip
            told = {"level": "TOP", "phones": [other_phone], "emails": [other_mail]}
            await _done(house, "seller", "PATCH", f"/v1/contacts/{chief}", told)
            path = f"/v1/contacts/{chief}/links"
            link = await _done(
                house, "seller", "POST", path, {"to_contact_id": engineer, "kind": "ALLY", "note": note}
            )
            await _done(house, "seller", "DELETE", f"{path}/{link}")
            await _done(house, "seller", "POST", path, {"to_contact_id": engineer, "kind": "REPORTS_TO"})
            await _hear_of_a_deal(url, {"account_id": account, "owner_id": seller})
            leaver = await house.hire("leaver")
            for gone in (f"/v1/accounts/{account}", f"/v1/members/{leaver}"):
                await _done(house, "admin", "DELETE", gone)
                await _done(house, "admin", "POST", f"{gone}/restoration")
        await _republish(CONTACTS, url)
        return await _purged(CONTACTS, url)


async def opportunities_tells(databases: Databases) -> list[JournalRow]:
    """Products by import; a deal with its map and its moves over HTTP."""
    need, funding, evidence, stance, changed, note = PRIVATE["opportunities"]
    async with _database(databases, OPPORTUNITIES) as url, _opportunities(url) as house:
        for price in ("55.00", "60.50"):
            file = f"product,series,sales_price\nMG Special,MG,{price}\n"
            await _import(house, OPPORTUNITIES, "products", file)
        [[product]] = await house.rows("SELECT id FROM product")
        deal = (
            await house.deal(
                product_id=str(product), amount=1_250_000_00, expected_close_on="2027-03-31", need_summary=need,
                procurement_mode="PUBLIC_TENDER", buy_class="NEW_TASK", external_ids={"crm": "D-4"},
            )
        )["id"]  # fmt: skip
        path = f"/v1/opportunities/{deal}"
        await _done(house, "seller", "PATCH", path, {"budget_status": "APPROVED", "funding_source": funding})
        friend = f"{path}/stakeholders/{house.people[0]}"
        told: dict[str, Any] = {"roles": ["USER"], "influence": "M", "stance_note": stance}
        await _done(house, "seller", "PUT", friend, told)
        await _done(house, "seller", "PUT", friend, told | {"influence": "H", "changeable": "HARD"})
        told |= {"stance": "FRIEND", "degree": 3, "stance_reason": "PERSONAL_TRUST", "stance_note": changed}
        await _done(house, "seller", "PUT", friend, told)
        await _done(house, "seller", "DELETE", friend)
        await _done(house, "seller", "PUT", friend, told)
        opponent = {"stance": "OPPONENT", "stance_reason": "RIVAL_TIE", "roles": ["APPROVER"]}
        await _done(house, "seller", "PUT", f"{path}/stakeholders/{house.people[1]}", told | opponent)
        for to in ("ENGAGEMENT", "SHORTLIST"):
            assert (await house.move("seller", deal, to, note=note)).status_code == 200
        told = {"shortlisted_at": "2026-04-01T08:00:00Z", "shortlist_evidence": evidence}
        await _done(house, "seller", "PATCH", path, told)
        assert (await house.move("seller", deal, "LOST", reason_code="PRICE", note=note)).status_code == 200
        for gone in (path, f"/v1/products/{product}"):
            await _done(house, "admin", "DELETE", gone)
            await _done(house, "admin", "POST", f"{gone}/restoration")
        await _republish(OPPORTUNITIES, url)
        return await _purged(OPPORTUNITIES, url)


async def activities_tells(databases: Databases) -> list[JournalRow]:
    """Activities that are planned, done, missed and cancelled, and minutes, over HTTP; one more by import."""
    subject, outcome, next_step, note = PRIVATE["activities"]
    async with _database(databases, ACTIVITIES) as url, activities_opened(url) as house:
        said = {"subject": subject, "outcome": outcome, "next_step": next_step}
        with_all = {
            "opportunity_id": house.deal, "contact_ids": list(house.people), "minutes": 90, "important": True,
            "our_attendees": [{"member_id": house.members["teammate"], "function": "PRESALES"}], "two_way": True,
        }  # fmt: skip
        past = {"planned_start_at": "2026-03-01T09:00:00Z"}
        made = [await house.make("seller", **said, **with_all, **past) for _ in range(3)]
        met, missed, cancelled = [f"/v1/activities/{one['id']}" for one in made]
        await _done(house, "seller", "PATCH", met, {"status": "DONE", "started_at": "2026-03-01T09:10:00Z"})
        await _done(house, "seller", "PATCH", met, {"minutes": 75, "outcome": outcome * 2})
        await _done(house, "seller", "PATCH", missed, {"status": "MISSED"})
        await _done(house, "seller", "PATCH", cancelled, {"status": "CANCELLED"})
        for status in ("DONE", "MISSED", "CANCELLED"):
            started = {"started_at": "2026-03-01T09:10:00Z"} if status == "DONE" else {}
            await house.make("seller", status=status, **said, **with_all, **past, **started)
        log = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90, "activity_id": made[0]["id"]}
        path = "/v1/time-logs"
        log = await _done(house, "seller", "POST", path, log | {"robber": "MEETINGS", "note": note})
        await _done(house, "seller", "PATCH", f"{path}/{log}", {"minutes": 60, "note": note * 2})
        for gone in (met, f"{path}/{log}"):
            await _done(house, "seller", "DELETE", gone)
            await _done(house, "seller", "POST", f"{gone}/restoration")
        agent: dict[str, Any] = {
            "name": "Darcel",
            "email": "agent@example.com",
            "function": "SALES",
            "manager_id": None,
        }
        await house.hear("member", **agent, active=True, external_ids={"maven-crm": "A-1"})
        file = "activity_id,sales_agent,account,type,started_at,minutes,two_way,subject\n"
        file += f"V-1,A-1,,VISIT,2026-03-01T09:10:00Z,90,true,{subject}\n"
        await _import(house, ACTIVITIES, "activities", file)
        await _republish(ACTIVITIES, url)
        return await _purged(ACTIVITIES, url)


TELLING: Final = {
    "contacts": contacts_tells,
    "opportunities": opportunities_tells,
    "activities": activities_tells,
}


async def _done(
    house: ContactsHouse | OpportunitiesHouse | ActivitiesHouse,
    who: str,
    method: str,
    path: str,
    body: Any = None,
) -> str:
    """Sends a request that must succeed; gives the id of the row that was answered, if there was one."""
    answer = await house.call(who, method, path, body, if_match="*")
    assert answer.is_success, answer.text
    return answer.json()["id"] if answer.content else ""


async def _hear_of_a_deal(url: str, where: Example) -> None:
    """Hands what opportunities tells of a deal's birth and end to the handler of contacts."""
    handler = HANDLERS["opportunity"]
    assert isinstance(handler, Batch)
    async with await psycopg.AsyncConnection.connect(url, options="-c timezone=UTC") as session:
        for type_ in ("opportunity.created", "opportunity.closed"):
            example = EXAMPLES[type_]
            value = example["value"] | {"data": example["value"]["data"] | where}
            await handler.handle(session, [event_of(example | {"value": value})])


async def _import(
    house: OpportunitiesHouse | ActivitiesHouse, service: Service, noun: str, file: str
) -> None:
    answer = await house.client.post(
        f"/v1/{noun}/imports",
        data={"profile": "maven-crm"},
        files={"file": (f"{noun}.csv", file.encode(), "text/csv")},
        headers=as_("admin"),
    )
    assert answer.status_code == 202, answer.text
    await _work(house.url, imports_work.kind(service.imports, Settings()))


async def _republish(service: Service, url: str) -> None:
    """Has the service tell all that it has once more."""
    async with await psycopg.AsyncConnection.connect(url) as session:
        await republish.submit(session, Cause(actor="sub:scene"))
    await _work(url, republish.kind(service.aggregates))


async def _purged(service: Service, url: str) -> list[JournalRow]:
    """The journal, and what it tells when all that the service has is purged, as if it had been deleted long ago."""
    before = await journaled(url)
    async with await psycopg.AsyncConnection.connect(url) as session:
        for deletable in service.deletables:
            gone = sql.SQL("UPDATE {} SET deleted_at = now() - interval '40 days'")
            await session.execute(gone.format(deletable.aggregate.relation))
    db = Database(url, name="tests")
    await db.open()
    try:
        await purge(db, service.deletables, 30)
    finally:
        await db.close()
    return before + (await journaled(url))[len(before) :]


async def _work(url: str, kind: Kind) -> None:
    db = Database(url, name="tests")
    await db.open()
    try:
        await work_off(Worker(db, [kind]))
    finally:
        await db.close()


@asynccontextmanager
async def _database(databases: Databases, service: Service) -> AsyncGenerator[str]:
    url = databases.create(service.name, _SCENES[service.name])
    yield url
    databases.drop(url)


@asynccontextmanager
async def _opportunities(url: str) -> AsyncGenerator[OpportunitiesHouse]:
    known, contacts = callers(), Owners()
    known.add("seller", "rep", member_id=UUID(SELLERS["seller"]))
    peers = AsyncClient(transport=ASGITransport(contacts))
    async with api_of(OPPORTUNITIES, url, known, peers=peers) as client:
        people = list(PEOPLE.values())
        yield OpportunitiesHouse(client, known, contacts, [], url, dict(SELLERS), ACCOUNT, people)
