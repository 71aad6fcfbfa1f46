"""Every consumer handles every example of a type that it lists: once with an effect, a second time with none.

The database of each has the examples' subjects as they were known before: with other names, another owner, open.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.accounts.queries import ACCOUNT
from services.contacts.main import SERVICE as CONTACTS
from services.contacts.members.queries import MEMBER
from services.kit import journal
from services.kit.clients import AsyncClient
from services.kit.descriptor import Service
from services.kit.events import SIGHT, Event
from services.kit.handlers import Batch, Handlers
from services.kit.journal import Cause
from services.kit.rebuilding import Sweeping, copies_of
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import api_of, callers, prepared
from tests.conftest import DatabaseUrl
from tests.contracts.examples import EXAMPLES, service_of
from tests.contracts.shapes import event_of
from tests.kit.library import database
from tests.services.elsewhere import Owners
from tests.services.opportunities.conftest import House, person

Tables = Mapping[str, list[str]]

SELLER: Final[str] = EXAMPLES["member.created"]["value"]["data"]["id"]
BOSS: Final[str] = EXAMPLES["member.created"]["value"]["data"]["manager_id"]
CUSTOMER: Final[str] = EXAMPLES["account.created"]["value"]["data"]["id"]
PEOPLE: Final[list[str]] = EXAMPLES["activity.completed"]["value"]["data"]["contact_ids"]

NO_NEWS: Final = frozenset({"activity.missed", "activity.cancelled"})
"""What opportunities hears and keeps nothing of: nobody has met."""

SHOWN: Final = {
    "member": "member.created",
    "account": "account.created",
    "contact": "contact.created",
    "contact_link": "contact_link.created",
    "activity": "activity.completed",
    "opportunity": "opportunity.created",
}
"""Of each aggregate that somebody keeps copies of, the example that makes one."""

_TABLES: LiteralString = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  AND relname <> 'consumer_position'
ORDER BY relname"""


def told(type_: str, **otherwise: Any) -> Event:
    """The event of the example, or of its subject's beginning where other values are given."""
    event = event_of(EXAMPLES[type_])
    if not otherwise:
        return event
    data = event.data | otherwise
    return replace(event, data=data, subject_id=UUID(data["id"]), version=1)


async def handle(service: Service, url: str, event: Event) -> None:
    """Hands the service the event in a transaction, as its worker does."""
    handler = Handlers(service.handlers).find(f"{event.type}.v1")
    assert handler is not None
    async with await psycopg.AsyncConnection.connect(url, options="-c timezone=UTC") as session:
        if isinstance(handler, Batch):
            await handler.handle(session, [event])
        else:
            await handler(session, event)


async def contacts_knows(url: str) -> None:
    """Members and the account are its own rows; the deal is the boss's yet."""
    cause = Cause(actor="sub:scene")
    async with await psycopg.AsyncConnection.connect(url) as session:
        for id, name in ((BOSS, "boss"), (SELLER, "seller")):
            values: dict[str, Any] = {"name": name, "email": f"{name}@example.org", "function": "SALES"}
            values |= {"active": True, "external_ids": {}}
            await journal.create(session, MEMBER, values, cause, id=UUID(id))
        values = {"name": "云山", "account_kind": "PROJECT", "currency": "USD", "team": []}
        values |= {"owner_id": UUID(BOSS), "external_ids": {}}
        await journal.create(session, ACCOUNT, values, cause, id=UUID(CUSTOMER))
    await handle(CONTACTS, url, told("opportunity.created", owner_id=BOSS))


async def opportunities_knows(url: str) -> None:
    """A deal with two people on its map, both for us, who met once, too long ago to know it of each other."""
    await handle(OPPORTUNITIES, url, told("member.created", name="Before"))
    await handle(OPPORTUNITIES, url, told("account.created", name="云山"))
    for id in PEOPLE:
        await handle(OPPORTUNITIES, url, told("contact.created", id=id, name="某人"))
    await handle(OPPORTUNITIES, url, told("activity.completed", started_at="2000-01-01T00:00:00Z"))
    known = callers()
    known.add("seller", "rep", member_id=UUID(SELLER))
    async with api_of(OPPORTUNITIES, url, known, peers=AsyncClient()) as client:
        house = House(client, known, Owners(), [], url, {"seller": SELLER}, CUSTOMER, PEOPLE)
        deal = await house.deal()
        await house.draw(deal["id"], *(person(id, "USER", "FRIEND") for id in PEOPLE))


async def activities_knows(url: str) -> None:
    """Copies of what the examples are about, by other names."""
    for aggregate in ("member", "account", "contact", "opportunity"):
        await handle(ACTIVITIES, url, told(f"{aggregate}.created", name="Before"))


def scene(service: Service, play: Callable[[str], Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    """What makes an empty database the service's, with what it knows."""

    def prepare(url: str) -> None:
        prepared(service)(url)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, play(url)).result()

    return prepare


@dataclass(frozen=True)
class Consumer:
    """A service that listens, and what makes a database its own."""

    service: Service
    prepare: Callable[[str], None]

    @property
    def listed(self) -> list[str]:
        """The types of those examples that it handles."""
        handlers, heard = Handlers(self.service.handlers), self.service.consumes
        return [type_ for type_ in EXAMPLES if service_of(type_) in heard and handlers.find(f"{type_}.v1")]


CONSUMERS: Final = {
    "contacts": Consumer(CONTACTS, scene(CONTACTS, contacts_knows)),
    "opportunities": Consumer(OPPORTUNITIES, scene(OPPORTUNITIES, opportunities_knows)),
    "activities": Consumer(ACTIVITIES, scene(ACTIVITIES, activities_knows)),
}


@pytest.mark.parametrize(
    ("name", "type_"), [(name, type_) for name, consumer in CONSUMERS.items() for type_ in consumer.listed]
)
async def test_an_example_told_twice_has_one_effect(name: str, type_: str, database_url: DatabaseUrl) -> None:
    consumer = CONSUMERS[name]
    url = database_url(name, consumer.prepare)
    before = await held(url)
    await handle(consumer.service, url, told(type_))
    once = await held(url)
    await handle(consumer.service, url, told(type_))
    assert bool(differing(before, once)) == (type_ not in NO_NEWS)
    assert differing(once, await held(url)) == []


@pytest.mark.parametrize(
    ("name", "type_", "consequence"),
    [
        ("contacts", "opportunity.created", "account_standing.updated"),
        ("contacts", "opportunity.closed", "account_standing.updated"),
        ("opportunities", "contact_link.created", "opportunity_standing.updated"),
    ],
)
async def test_what_follows_is_told_once(
    name: str, type_: str, consequence: str, database_url: DatabaseUrl
) -> None:
    consumer = CONSUMERS[name]
    url = database_url(name, consumer.prepare)
    before = await journaled(url)
    for _ in range(2):
        await handle(consumer.service, url, told(type_))
    # Who sees what changes as well, in private rows that nobody is told of.
    after = [each for each in (await journaled(url))[len(before) :] if not each.startswith(f"{SIGHT}.")]
    assert after == [consequence]


@pytest.mark.parametrize(
    ("name", "aggregate"),
    [(name, aggregate) for name in CONSUMERS for aggregate in copies_of(CONSUMERS[name].service.handlers)],
)
async def test_a_copy_that_a_republish_does_not_tell_of_is_gone(
    name: str, aggregate: str, database_url: DatabaseUrl
) -> None:
    consumer = CONSUMERS[name]
    url = database_url(name, consumer.prepare)
    await handle(consumer.service, url, told(SHOWN[aggregate]))
    handlers = consumer.service.handlers
    copy = copies_of(handlers)[aggregate]
    topic = f"{service_of(SHOWN[aggregate])}.events"
    async with await psycopg.AsyncConnection.connect(url, options="-c timezone=UTC") as session:
        await copy.forget_versions(session)
        living = len(await copy.untold(session, 100))
        await session.execute(
            """INSERT INTO rebuild (consumer, topic, republish_id, aggregates, partitions, ended)
            VALUES (%s, %s, %s, %s, 1, '{0}')""",
            [name, topic, uuid4(), [aggregate]],
        )
    async with database(url) as db:
        sweeping = Sweeping(name, db, handlers)
        assert [await sweeping.sweep() for _ in range(3)] == [True, True, False]
        async with db.connect() as session:
            found = await session.execute("SELECT swept, swept_at IS NOT NULL FROM rebuild")
            assert await found.fetchall() == [(living, True)]
            assert await copy.untold(session, 1) == []
    assert living


async def test_a_planted_second_effect_is_seen(database_url: DatabaseUrl) -> None:
    url = database_url("contacts", CONSUMERS["contacts"].prepare)
    once = await held(url)
    async with await psycopg.AsyncConnection.connect(url) as session:
        await session.execute("UPDATE account_standing SET version = version + 1")
        await session.execute("INSERT INTO journal_queue (id, recorded_at) VALUES (0, now())")
    assert differing(once, await held(url)) == ["account_standing", "journal_queue"]


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_has_an_example_for_everything_that_it_handles(name: str) -> None:
    consumer = CONSUMERS[name]
    heard = {given for type_ in consumer.listed for given in (type_, type_.partition(".")[0])}
    assert set(consumer.service.handlers) <= heard
    assert {service_of(type_) for type_ in consumer.listed} == set(consumer.service.consumes)


async def held(url: str) -> Tables:
    """Every row of every table but those that say where consumers stand, as text."""
    async with await psycopg.AsyncConnection.connect(url, options="-c timezone=UTC") as session:
        names = [row[0] for row in await (await session.execute(_TABLES)).fetchall()]
        found: dict[str, list[str]] = {}
        for name in names:
            rows = sql.SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
            found[name] = [row[0] for row in await (await session.execute(rows)).fetchall()]
    return found


def differing(before: Tables, after: Tables) -> list[str]:
    """The names of the tables that do not hold the same."""
    return [name for name in after if before[name] != after[name]]


async def journaled(url: str) -> list[str]:
    """The types of the journal's entries, in order."""
    async with await psycopg.AsyncConnection.connect(url) as session:
        found = await session.execute("SELECT type FROM journal ORDER BY id")
        return [row[0] for row in await found.fetchall()]
