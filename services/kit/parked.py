"""Parked keys: what a consumer has set aside because a handler failed on it, with all that followed of the key.

Somebody looks at it, mends what was wrong, and has the key driven again; or gives up the one record that is in the way.
A key's records are handled in their order, under the lock that keeps the consumer from passing them, and the key is
released in the transaction that handles the last. Copies that are being made anew meanwhile forget the versions of what
was told before (`services.kit.rebuilding`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import structlog

from services.kit.db import Database, Session, blame_at_once
from services.kit.envelope import Undecodable, decode, wire_type
from services.kit.handlers import Batch, Handler, Handlers, tried
from services.kit.rebuilding import start_position

ROUND: Final = 200
"""Records that one transaction drives at the most: as long as it lasts, the consumer waits."""

log = structlog.get_logger()


class NotParked(LookupError):
    """No key is parked under that number."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked key: its number, where it came from, why and since when, and how many of its records wait."""

    id: int
    consumer: str
    topic: str
    key: str
    reason: str
    parked_at: datetime
    records: int


@dataclass(frozen=True, slots=True)
class Driven:
    """What became of a key: records handled, records that still wait, and why they do."""

    handled: int
    left: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that is locked; what it tells from before the position `since` does not count as told."""

    text: str
    since: int


@dataclass(frozen=True, slots=True)
class _Record:
    id: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None


async def parked(db: Database) -> list[Parked]:
    """The keys that are parked, the longest first. Raises psycopg.Error."""
    async with db.connect() as session:
        found = await session.execute(_PARKED)
        return [Parked(*row) async for row in found]


async def drive(db: Database, handlers: Mapping[str, Handler | Batch], id: int) -> Driven:
    """Has the key's records handled in their order, up to the first that fails again.

    Raises NotParked, and psycopg.Error where the database is in trouble; what was handled until then stays handled.
    """
    known = Handlers(handlers)
    handled = 0
    while True:
        async with db.transaction() as tx:
            key = await _lock(tx, id)
            records = await _records(tx, id)
            done, error = await _in_order(tx, known, key, records)
            await tx.execute(_DONE, {"ids": [record.id for record in records[:done]]})
            handled += done
            if error is not None:
                return Driven(handled, *await _parked_again(tx, id, error))
            if len(records) < ROUND:
                await tx.execute(_RELEASE, {"id": id})
                log.info("key_released", key=key.text, handled=handled)
                return Driven(handled, 0, None)


async def discard(
    db: Database, handlers: Mapping[str, Handler | Batch], id: int, *, why: str, by: str
) -> Driven:
    """Gives up the key's first record, which is kept aside with the reason, and drives the rest. Raises NotParked."""
    async with db.transaction() as tx:
        key = await _lock(tx, id)
        await tx.execute(_DISCARD, {"id": id, "why": why, "by": by})
    log.warning("record_discarded", key=key.text, by=by)
    return await drive(db, handlers, id)


async def _lock(tx: Session, id: int) -> _Key:
    known = await (await tx.execute(_KEY, {"id": id})).fetchone()
    if known is None:
        raise NotParked(f"no key is parked under {id}")
    key, *reader = known
    # Before the key's own lock: a batch takes them in this order.
    since = await start_position(tx, *reader)
    if await (await tx.execute(_LOCK, {"id": id})).fetchone() is None:
        raise NotParked(f"no key is parked under {id} any more")
    return _Key(key, since)


async def _records(tx: Session, id: int) -> list[_Record]:
    found = await tx.execute(_NEXT, {"id": id, "limit": ROUND})
    return [_Record(row[0], [(name, text.encode()) for name, text in row[1]], row[2]) async for row in found]


async def _in_order(
    tx: Session, handlers: Handlers, key: _Key, records: Sequence[_Record]
) -> tuple[int, Exception | None]:
    """How many were handled, and what stopped the next. Raises what is no handler's own error."""
    await blame_at_once(tx)
    for number, record in enumerate(records):
        if error := await _stopped(tx, handlers, key, record):
            return number, error
    return len(records), None


async def _stopped(tx: Session, handlers: Handlers, key: _Key, record: _Record) -> Exception | None:
    try:
        handler = handlers.find(wire_type(record.headers))
        if handler is None:
            return None
        event = decode(key.text.encode(), record.headers, record.value)
    except Undecodable as error:
        return error
    error = await tried(tx, handler, event)
    if error is None and event.position < key.since and isinstance(handler, Batch) and handler.copy:
        await handler.copy.forget_versions(tx, [event.subject_id])
    return error


async def _parked_again(tx: Session, id: int, error: Exception) -> tuple[int, str]:
    reason = f"{type(error).__name__}: {error}"[:2000]
    row: Any = await (await tx.execute(_AGAIN, {"id": id, "reason": reason})).fetchone()
    return row[0], reason


_PARKED: LiteralString = """
SELECT k.id, k.consumer, k.topic, k.key, k.reason, k.parked_at,
       (SELECT count(*) FROM parked_record r WHERE (r.consumer, r.topic, r.key) = (k.consumer, k.topic, k.key))
FROM parked_key k ORDER BY k.parked_at, k.id
"""
_KEY: LiteralString = "SELECT key, consumer, topic FROM parked_key WHERE id = %(id)s"
_LOCK: LiteralString = "SELECT key FROM parked_key WHERE id = %(id)s FOR UPDATE"
_NEXT: LiteralString = """
SELECT r.id, r.headers, r.value
FROM parked_record r JOIN parked_key k USING (consumer, topic, key)
WHERE k.id = %(id)s ORDER BY r.id LIMIT %(limit)s
"""
_DONE: LiteralString = "DELETE FROM parked_record WHERE id = ANY (%(ids)s::bigint[])"
_RELEASE: LiteralString = "DELETE FROM parked_key WHERE id = %(id)s"
_AGAIN: LiteralString = """
UPDATE parked_key k SET reason = %(reason)s WHERE id = %(id)s
RETURNING (SELECT count(*) FROM parked_record r WHERE (r.consumer, r.topic, r.key) = (k.consumer, k.topic, k.key))
"""
_DISCARD: LiteralString = """
WITH first AS (
  SELECT r.id, k.reason FROM parked_record r JOIN parked_key k USING (consumer, topic, key)
  WHERE k.id = %(id)s ORDER BY r.id LIMIT 1
), gone AS (
  DELETE FROM parked_record r USING first WHERE r.id = first.id
  RETURNING r.consumer, r.topic, r.partition, r.record_offset, r.key, r.headers, r.value, first.reason
)
INSERT INTO parked_discarded (consumer, topic, partition, record_offset, key, headers, value, reason, why, discarded_by)
SELECT *, %(why)s, %(by)s FROM gone
"""
