"""Parking: the keys on which a handler failed are set aside, with all that follows of them, in the batch's transaction.

Whoever mends what was wrong has them driven again (`services.kit.parked`).
"""

from collections.abc import Sequence
from typing import LiteralString

import structlog
from psycopg.types.json import Jsonb

from services.kit.db import Session
from services.kit.sorting import Received

log = structlog.get_logger()


class Parking:
    """The keys set aside, as one transaction sees and extends them. Their rows are locked until its end."""

    def __init__(self, consumer: str, tx: Session) -> None:
        self._consumer = consumer
        self._tx = tx
        self._keys: set[tuple[str, str]] = set()
        self.parked = 0

    async def look_up(self, received: Sequence[Received]) -> None:
        """Learns which of the records' keys are parked."""
        topics = {one.record.topic for one in received}
        keys = {one.event.key for one in received}
        found = await self._tx.execute(
            _PARKED, {"consumer": self._consumer, "topics": list(topics), "keys": list(keys)}
        )
        self._keys = {(row[0], row[1]) async for row in found}

    def holds(self, one: Received) -> bool:
        """Whether the record's key is parked."""
        return (one.record.topic, one.event.key) in self._keys

    async def park(self, one: Received, error: Exception) -> None:
        """Parks the record's key for the handler's error, with the record as its first."""
        log.error(
            "key_parked",
            consumer=self._consumer,
            topic=one.record.topic,
            partition=one.record.partition,
            offset=one.record.offset,
            type=one.event.type,
            error=type(error).__name__,
            request_id=one.event.request_id,
        )
        reason = f"{one.event.type} at offset {one.record.offset}: {type(error).__name__}: {error}"
        self._keys.add((one.record.topic, one.event.key))
        await self._tx.execute(
            _PARK,
            {
                "consumer": self._consumer,
                "topic": one.record.topic,
                "key": one.event.key,
                "partition": one.record.partition,
                "reason": reason[:2000],
            },
        )
        await self.follow(one)

    async def forget(self, erased: Sequence[Received]) -> None:
        """Lets what is parked or given up of the events' subjects say what the events say, which is nothing."""
        if not erased:
            return
        meant = {
            "consumer": self._consumer,
            "topics": [one.record.topic for one in erased],
            "keys": [one.event.key for one in erased],
            "subjects": [(dict(one.record.headers).get("ce_subject") or b"").decode() for one in erased],
            "values": [one.record.value for one in erased],
        }
        for statement in (_FORGET_PARKED, _FORGET_DISCARDED, _FORGET_REASON):
            await self._tx.execute(statement, meant)

    async def follow(self, one: Received) -> None:
        """Keeps the record behind what is parked of its key."""
        self.parked += 1
        await self._tx.execute(
            _FOLLOW,
            {
                "consumer": self._consumer,
                "topic": one.record.topic,
                "partition": one.record.partition,
                "offset": one.record.offset,
                "key": one.event.key,
                "headers": Jsonb([[name, (value or b"").decode()] for name, value in one.record.headers]),
                "value": one.record.value,
            },
        )


_PARKED: LiteralString = """
SELECT topic, key FROM parked_key
WHERE consumer = %(consumer)s AND topic = ANY (%(topics)s) AND key = ANY (%(keys)s)
ORDER BY topic, key FOR UPDATE
"""
_PARK: LiteralString = """
INSERT INTO parked_key (consumer, topic, key, partition, reason)
VALUES (%(consumer)s, %(topic)s, %(key)s, %(partition)s, %(reason)s)
"""
_ERASED: LiteralString = """
FROM unnest(%(topics)s::text[], %(keys)s::text[], %(subjects)s::text[], %(values)s::bytea[])
  AS e(topic, key, subject, value)
WHERE p.consumer = %(consumer)s AND p.topic = e.topic AND p.key = e.key"""
_OF_SUBJECT: LiteralString = """
  AND p.headers @> jsonb_build_array(jsonb_build_array('ce_subject', e.subject))"""
_FORGET_PARKED: LiteralString = "UPDATE parked_record p SET value = e.value" + _ERASED + _OF_SUBJECT
_FORGET_DISCARDED: LiteralString = (
    "UPDATE parked_discarded p SET value = e.value, reason = 'told of somebody who was erased'"
    + _ERASED
    + _OF_SUBJECT
)
# A handler's error may say what it failed on.
_FORGET_REASON: LiteralString = (
    "UPDATE parked_key p SET reason = 'a handler failed; somebody of this key was erased since'" + _ERASED
)
_FOLLOW: LiteralString = """
INSERT INTO parked_record (consumer, topic, partition, record_offset, key, headers, value)
VALUES (%(consumer)s, %(topic)s, %(partition)s, %(offset)s, %(key)s, %(headers)s, %(value)s)
"""
