"""A producer and a consumer of books for the tests of republishing: two databases, a topic between them, a copy."""

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

import psycopg
from kafka.consumer.fetcher import ConsumerRecord
from pydantic import BaseModel, ConfigDict, SecretStr

from services.kit import journal, republish
from services.kit.consumer import Consumer
from services.kit.copies import Copy
from services.kit.db import Database
from services.kit.events import PublicAggregate, topic_of
from services.kit.handlers import Batch, Handler
from services.kit.ids import new_id
from services.kit.jobs import Worker
from services.kit.journal import Cause
from services.kit.kafka import connect_admin, end_offsets
from services.kit.rebuilding import Sweeping
from services.kit.relay import Relay
from services.kit.settings import Settings
from tests.jobs import work_off
from tests.kit import library
from tests.kit.backbone import Backbone, StackSettings, scalar, until
from tests.kit.library import BOOK, book

CAUSE = Cause(actor="sub:tests")


class BookState(BaseModel):
    """A book as others know it."""

    id: UUID
    title: str
    pages: int | None


class Shelved(BaseModel):
    """A book as the reader keeps it."""

    model_config = ConfigDict(extra="ignore")

    id: UUID
    title: str


PUBLIC = (PublicAggregate("book", "books", BookState),)
BOOKS = Copy("book_copy", Shelved, {})

Kept = dict[UUID, tuple[str, int]]
"""Copies that are not gone: title and version by id."""


def prepare_reader(url: str) -> None:
    """Makes an empty database the reader's: the kit's tables, and one for copies."""
    library.prepare(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("""CREATE TABLE book_copy (
          id uuid PRIMARY KEY, version integer NOT NULL, deleted_at timestamptz, erased boolean NOT NULL DEFAULT false,
          title text NOT NULL)""")


@dataclass
class Lending:
    """Who tells of books and who reads of them."""

    backbone: Backbone
    owner: Database
    reader: Database
    owner_url: str
    reader_name: str = field(default_factory=lambda: f"read-{secrets.token_hex(5)}")
    batch: int = republish.BATCH

    @property
    def topic(self) -> str:
        return topic_of(self.backbone.producer)

    @property
    def handlers(self) -> Mapping[str, Handler | Batch]:
        return {"book": Batch(BOOKS.fold, BOOKS)}

    def relay(self) -> Relay:
        return Relay(self.backbone.producer, self._settings(self.owner_url), self.owner, PUBLIC)

    def consumer(self, name: str = "", db: Database | None = None) -> Consumer:
        settings = self._settings(self.owner_url)
        return Consumer(
            name or self.reader_name, settings, db or self.reader, [self.backbone.producer], self.handlers
        )

    def sweeping(self) -> Sweeping:
        return Sweeping(self.reader_name, self.reader, self.handlers)

    def _settings(self, url: str) -> Settings:
        return StackSettings(url=SecretStr(url), kafka_bootstrap_servers=self.backbone.bootstrap)

    async def add(self, *titles: str) -> list[UUID]:
        """New books of these titles."""
        async with self.owner.connect() as session:
            shown = [await journal.create(session, BOOK, book(title=title), CAUSE) for title in titles]
        return [one.id for one in shown if one]

    async def retitle(self, id: UUID, title: str) -> None:
        async with self.owner.connect() as session:
            assert await journal.update(session, BOOK, id, {"title": title}, CAUSE)

    async def remove(self, id: UUID) -> None:
        async with self.owner.connect() as session:
            found = await (await session.execute("SELECT now()")).fetchone()
            assert found
            assert await journal.remove(session, BOOK, id, CAUSE, at=found[0])

    async def ask(self, *aggregates: str, id: UUID | None = None) -> UUID:
        """Asks for a republish."""
        async with self.owner.transaction() as tx:
            return await republish.submit(tx, CAUSE, aggregates, id=id or new_id())

    def worker(self) -> Worker:
        """Who does it, within some tenths of a second of another's end."""
        kind = republish.kind((BOOK,), batch=self.batch)
        return Worker(self.owner, [kind], heartbeat=0.1, lapse=0.5, poll=0.05)

    async def republish(self) -> UUID:
        """A republish from its beginning to its end."""
        id = await self.ask()
        await work_off(self.worker())
        return id

    async def rows(self) -> Kept:
        """What the owner has."""
        return await self._all(self.owner, "SELECT id, title, version FROM book WHERE deleted_at IS NULL")

    async def copies(self, db: Database | None = None) -> Kept:
        """What the reader keeps of it."""
        query: LiteralString = "SELECT id, title, version FROM book_copy WHERE deleted_at IS NULL"
        return await self._all(db or self.reader, query)

    async def _all(self, db: Database, query: LiteralString) -> Kept:
        async with db.connect() as session:
            found = await (await session.execute(query)).fetchall()
        return {row[0]: (row[1], row[2]) for row in found}

    async def agree(self) -> None:
        """Waits until the reader keeps what the owner has."""

        async def same() -> bool:
            return await self.copies() == await self.rows()

        await until(same)

    async def published(self) -> None:
        """Waits until all is published."""

        async def done() -> bool:
            query = """SELECT NOT EXISTS (SELECT FROM journal_queue)
              AND (SELECT max(position) FROM journal_order) <= (SELECT published FROM journal_cursor)"""
            return bool(await scalar(self.owner, query))

        await until(done)

    def told(self) -> list[ConsumerRecord]:
        """Every record that the topic holds, each partition's in order."""
        return self.backbone.read()

    def forget_topic(self) -> None:
        """Has the broker delete all records that the topic holds, as retention does."""
        admin = connect_admin(self.backbone.bootstrap, client_id="tests")
        admin.delete_records(end_offsets(self.backbone.bootstrap, [self.topic]))
        admin.close()


@asynccontextmanager
async def lending(backbone: Backbone, owner_url: str, reader_url: str) -> AsyncGenerator[Lending]:
    """A producer and a consumer on these databases."""
    async with library.database(owner_url) as owner, library.database(reader_url) as reader:
        yield Lending(backbone, owner, reader, owner_url)
