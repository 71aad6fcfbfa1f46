"""What tests of the relay and the consumers share: a journal to write to, a topic of its own, a copy to fold into."""

import asyncio
import secrets
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from psycopg.types.json import Jsonb
from pydantic import BaseModel, SecretStr

from services.kit.consumer import Consumer
from services.kit.db import Database, Session
from services.kit.descriptor import Part
from services.kit.events import Event, PublicAggregate
from services.kit.handlers import Batch, Handler
from services.kit.kafka import connect_admin, last_records
from services.kit.migrations import SQL
from services.kit.relay import Relay
from services.kit.settings import Settings

PARTITIONS = 3


class AccountState(BaseModel):
    """The public state of the tests' aggregate."""

    id: UUID
    name: str


PUBLIC = (
    PublicAggregate("account", "accounts", AccountState, facts=("renamed",)),
    PublicAggregate("visit", "visits", AccountState),
)


class StackSettings(Settings):
    """Settings for services of any name, all in one database."""

    url: SecretStr

    def database_url(self, service: str) -> str:  # noqa: ARG002  # every service is served
        return self.url.get_secret_value()


def prepare(url: str) -> None:
    """Makes an empty database one with the kit's tables, and a table to fold into."""
    with psycopg.connect(url, autocommit=True) as connection:
        for file in sorted(SQL.glob("*.sql")):
            connection.execute(file.read_bytes())
        connection.execute("CREATE TABLE copy (id uuid PRIMARY KEY, name text, version int, effects int)")


@dataclass(frozen=True)
class Backbone:
    """One producing service with its topic, one database for all, one consuming service with its dead letters."""

    url: str
    bootstrap: str
    producer: str = field(default_factory=lambda: f"made-{secrets.token_hex(5)}")
    consumer: str = field(default_factory=lambda: f"read-{secrets.token_hex(5)}")

    @property
    def topic(self) -> str:
        return f"{self.producer}.events"

    @property
    def dead_letters(self) -> str:
        return f"{self.consumer}.dead-letter"

    @property
    def settings(self) -> Settings:
        return StackSettings(url=SecretStr(self.url), kafka_bootstrap_servers=self.bootstrap)

    def make_topics(self) -> None:
        admin = connect_admin(self.bootstrap, client_id="tests")
        made = {
            self.topic: {"num_partitions": PARTITIONS, "replication_factor": 1},
            self.dead_letters: {"num_partitions": 1, "replication_factor": 1},
        }
        admin.create_topics(made, wait_for_metadata=True)
        admin.close()

    def drop_topics(self) -> None:
        admin = connect_admin(self.bootstrap, client_id="tests")
        admin.delete_topics([self.topic, self.dead_letters])
        admin.close()

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[Database]:
        db = Database(self.url, name="tests")
        await db.open()
        yield db
        await db.close()

    def relay(self, db: Database, **options: Any) -> Relay:
        return Relay(self.producer, self.settings, db, PUBLIC, **options)

    def reader(self, db: Database, handlers: Mapping[str, Handler | Batch], name: str = "") -> Consumer:
        return Consumer(name or self.consumer, self.settings, db, [self.producer], handlers)

    def read(self, topic: str = "") -> list[ConsumerRecord]:
        """Every record that the topic holds, each partition's in order."""
        found = last_records(self.bootstrap, topic or self.topic, sys.maxsize)
        return sorted(found, key=lambda record: (record.partition, record.offset))


@dataclass
class Change:
    """A change to journal; its account is its own key unless it is told another."""

    id: UUID = field(default_factory=uuid4)
    name: str = "Acme"
    type: str = "account.updated"
    version: int = 1
    key: UUID | None = None
    imported: bool = False
    padding: str = ""


async def journal(session: Session, *changes: Change) -> None:
    """Writes journal rows and their places in the queue, one statement each, in the caller's transaction."""
    for change in changes:
        state = {"id": str(change.id), "name": change.name, "secret": "planted", "padding": change.padding}
        await session.execute(
            """WITH entry AS (
              INSERT INTO journal
                (type, aggregate, aggregate_id, version, partition_key, actor, imported, state, changed)
              VALUES (%(type)s, %(aggregate)s, %(id)s, %(version)s, %(key)s, 'sub:tests', %(imported)s, %(state)s,
                      '{"name": {"from": "before", "to": "after"}, "secret": {"from": "planted", "to": "planted"}}')
              RETURNING id, recorded_at
            ) INSERT INTO journal_queue SELECT id, recorded_at FROM entry""",
            {
                "type": change.type,
                "aggregate": change.type.partition(".")[0],
                "id": change.id,
                "version": change.version,
                "key": change.key or change.id,
                "imported": change.imported,
                "state": Jsonb(state),
            },
        )


async def fill(db: Database, rows: int) -> None:
    """Journals so many rows, each of an account of its own."""
    async with db.connect() as session:
        await session.execute(
            """WITH entry AS (
              INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
              SELECT 'account.updated', 'account', id, 1, id, 'sub:tests', jsonb_build_object('id', id, 'name', n::text)
              FROM (SELECT n, uuidv7() AS id FROM generate_series(1, %s) n) made ORDER BY n
              RETURNING id, recorded_at
            ) INSERT INTO journal_queue SELECT id, recorded_at FROM entry""",
            [rows],
        )


async def fold(tx: Session, event: Event) -> None:
    """Sets the copy to what the event says; `effects` counts how often that happened."""
    await tx.execute(
        """INSERT INTO copy VALUES (%(id)s, %(name)s, %(version)s, 1)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, effects = copy.effects + 1""",
        {"id": event.subject_id, "name": event.data["name"], "version": event.version},
    )


async def copies(db: Database) -> dict[UUID, tuple[str, int, int]]:
    """What was folded: name, version and effects by id."""
    async with db.connect() as session:
        rows = await (await session.execute("SELECT id, name, version, effects FROM copy")).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def scalar(db: Database, query: str) -> Any:
    """The first value of the query's answer."""
    async with db.connect() as session:
        row = await (await session.execute(query.encode())).fetchone()
    return row[0] if row else None


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    """Waits until it holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  # what it waits for is in other processes
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(*parts: Part) -> AsyncGenerator[asyncio.Event]:
    """The parts at work until the block ends; all have to end well."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part.run(stop))
        try:
            yield stop
        finally:
            stop.set()


async def published(db: Database, position: int, *, seconds: float = 30) -> None:
    """Waits until the cursor stands at the position."""

    async def there() -> bool:
        return await scalar(db, "SELECT published FROM journal_cursor") == position

    await until(there, seconds=seconds)


def positions(records: Sequence[ConsumerRecord]) -> list[int]:
    """The journal's positions that the records carry."""
    return [int(dict(record.headers)["ce_position"] or b"") for record in records]


def first_appearances(records: Sequence[ConsumerRecord]) -> dict[TopicPartition, list[int]]:
    """The positions of each partition without repetitions, in the order in which they first appear."""
    found: dict[TopicPartition, list[int]] = {}
    for record in records:
        seen = found.setdefault(TopicPartition(record.topic, record.partition), [])
        seen += [position for position in positions([record]) if position not in seen]
    return found
