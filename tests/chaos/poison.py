"""Poison: records that have no business on a topic, and how one gets rid of what they do.

Garbage is no event at all, or has something in it that cannot be kept, and goes to the dead letters. Poison is an event
in due form on which a handler must fail: its state lacks what handlers read. Its key, an account's, is parked with all
that follows of it, until somebody gives up the poison and drives the rest. Its position is one that is published
already, on another partition: so it stands between the positions before and after it, and no consumer takes anything
true for a repetition because of it.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import uuid4

import psycopg
from kafka.errors import KafkaError
from psycopg_pool import PoolTimeout

from deploy.local.stack import SERVICES, service_of
from services.kit import parked
from services.kit.db import Database
from services.kit.kafka import NotAcknowledged, Record, RoundProducer, partition_of
from tests.chaos.ledger import counted

MARK: Final = "chaos"
"""The header that tells whoever looks afterwards that a record was planted."""

PARTITIONS: Final = 6
_TRIES = 4
_SEND_SECONDS = 5.0
_TYPES: Final[Mapping[str, str]] = {
    "contacts.events": "contact.updated.v1",
    "opportunities.events": "opportunity.updated.v1",
    "activities.events": "activity.updated.v1",
}
_SPOILT: Final[Sequence[Mapping[str, bytes]]] = (
    {"ce_type": b"\xff\xfe"},
    {"ce_type": b"nonsense"},
    {"ce_type": b""},
    {"ce_type": b"account.updated.v" + b"9" * 5000},
    {"ce_position": b"1" + b"0" * 30},
    {"ce_sequence": b"%d" % 2**40},
    {"ce_requestid": b"a\0b"},
    {"ce_source": b"/elsewhere"},
    {"x-long": b"x" * 200_000, "ce_id": b""},
)


@dataclass(frozen=True)
class Stuck:
    """A parked key whose first record was not planted: nobody should have failed on it."""

    service: str
    key: str
    reason: str


class Poisoner:
    """Plants records and gives them up again. `accounts` are those whose events may be held up."""

    def __init__(
        self,
        urls: Mapping[str, str],
        bootstrap_servers: str,
        accounts: Callable[[], Sequence[str]],
        seed: int,
    ) -> None:
        self._urls, self._bootstrap_servers, self._accounts = urls, bootstrap_servers, accounts
        self._chance = random.Random(f"poison/{seed}")  # noqa: S311  # the same for the same seed
        self._curing = asyncio.Lock()
        self.planted = self.given_up = 0

    async def throw_garbage(self, topic: str) -> None:
        """Sends what is no event, for one reason or another."""
        key, value = str(uuid4()).encode(), b'{"data": {}, "changed": null}'
        headers = _headers(topic, 0, "garbage") | self._chance.choice(_SPOILT)
        spoilt = self._chance.choice(
            [(key, value), (b"a\0b", value), (b"k" * 5000, value), (key, self._chance.randbytes(40))]
        )
        await self._send(Record(topic, *spoilt, list(headers.items())))

    async def poison(self, topic: str, seconds: float) -> None:
        """Sends an event on which handlers fail; some time later gets rid of it, if the database lets it."""
        known = self._accounts()
        if not known:
            return
        with suppress(psycopg.Error):
            last, elsewhere = await self._last(topic)
            key = self._chance.choice([each for each in known if _partition(each) != elsewhere] or known)
            if _partition(key) != elsewhere:
                await self._send(_event(topic, key, last))
        await asyncio.sleep(seconds)
        with suppress(psycopg.Error, PoolTimeout):
            await self.cure()

    async def cure(self) -> list[Stuck]:
        """Gives up every planted record that holds a key up and drives the rest; gives what else is stuck."""
        async with self._curing:
            return [stuck for service in SERVICES for stuck in await self._cure(service)]

    async def _cure(self, service: str) -> list[Stuck]:
        db = Database(self._urls[service], name="chaos", size=1)
        await db.open()
        try:
            return [stuck for key in await parked.parked(db) for stuck in await self._free(db, service, key)]
        finally:
            await db.close()

    async def _free(self, db: Database, service: str, key: parked.Parked) -> list[Stuck]:
        handlers = counted(service_of(service)).handlers
        driven = await parked.drive(db, handlers, key.id)
        while driven.reason is not None:
            if not await _is_planted(db, key.id):
                return [Stuck(service, key.key, driven.reason)]
            driven = await parked.discard(db, handlers, key.id, why="planted", by="chaos")
            self.given_up += 1
        return []

    async def _last(self, topic: str) -> tuple[int, int]:
        """The last published position, and its partition: what is planted takes it on another one."""
        url = self._urls[topic.partition(".")[0]]
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=2) as session:
            row = await (await session.execute(_LAST)).fetchone()
        return (row[0], _partition(str(row[1]))) if row else (0, 0)

    async def _send(self, record: Record) -> None:
        """Sends it, more than once if need be: one that comes twice is planted twice."""
        for _ in range(_TRIES):
            with suppress(KafkaError, NotAcknowledged, OSError):
                await asyncio.to_thread(self._send_and_wait, record)
                self.planted += 1
                return

    def _send_and_wait(self, record: Record) -> None:
        producer = RoundProducer(self._bootstrap_servers, client_id="chaos", connect_seconds=_SEND_SECONDS)
        try:
            producer.send([record], timeout=_SEND_SECONDS)
        finally:
            producer.abandon()


def _event(topic: str, key: str, position: int) -> Record:
    headers = _headers(topic, position, "poison")
    return Record(topic, key.encode(), b'{"data": {}, "changed": null}', list(headers.items()))


def _headers(topic: str, position: int, planted: str) -> dict[str, bytes]:
    headers = {
        "ce_specversion": "1.0",
        "ce_type": _TYPES[topic],
        "ce_source": f"/{topic.partition('.')[0]}",
        "ce_subject": f"planted/{uuid4()}",
        "ce_id": str(uuid4()),
        "ce_time": "2026-01-01T00:00:00.000000Z",
        "ce_sequence": "1",
        "ce_position": str(position),
        "ce_actor": "chaos",
        MARK: planted,
    }
    return {name: text.encode() for name, text in headers.items()}


def _partition(key: str) -> int:
    return partition_of(key.encode(), PARTITIONS)


async def _is_planted(db: Database, id: int) -> bool:
    async with db.connect() as session:
        row = await (await session.execute(_FIRST, {"id": id})).fetchone()
    return row is not None and any(name == MARK for name, _ in row[0])


_LAST: LiteralString = """
SELECT o.position, j.partition_key FROM journal_cursor c JOIN journal_order o ON o.position = c.published
JOIN journal j ON j.recorded_at = o.recorded_at AND j.id = o.journal_id"""
_FIRST: LiteralString = """
SELECT r.headers FROM parked_record r JOIN parked_key k USING (consumer, topic, key)
WHERE k.id = %(id)s ORDER BY r.id LIMIT 1"""
