"""Epochs of a journal: after a restore from a backup its positions go on above all that was ever published.

What a backup does not hold has been told already: other services' copies may be newer than what is here now, and
positions would be given a second time, to be taken for repetitions. So a new epoch leaves them out. Whoever begins one
has our consumers rebuild (`services.kit.rebuilding`); readers outside go by the epoch in the marks of its republish.
"""

from dataclasses import dataclass
from typing import LiteralString

from services.kit.db import Session, one


@dataclass(frozen=True)
class Epoch:
    """An epoch of a journal, and the position that its first row gets."""

    number: int
    first_position: int


async def begin(tx: Session, *, above: int) -> Epoch:
    """Begins an epoch whose positions are all above `above` and those that were given here.

    What has no position yet gets one of the new epoch's.
    """
    await tx.execute("SELECT FROM journal_head FOR UPDATE")
    row = await one(tx, _BEGIN, {"above": above})
    assert row is not None
    return Epoch(row[0], row[1])


async def consumed(session: Session, topic: str) -> int:
    """The highest position of the topic that a consumer here has handled."""
    row = await one(session, _CONSUMED, {"topic": topic})
    assert row is not None
    return row[0]


async def joins(session: Session, last: int, first: int) -> bool:
    """Whether an epoch begins at `first`, the one before it having ended at `last`."""
    return await one(session, _JOINS, {"last": last, "first": first}) is not None


_BEGIN: LiteralString = """
WITH moved AS (
  UPDATE journal_head SET position = greatest(position, %(above)s::bigint)
  RETURNING old.position AS last, new.position + 1 AS first
)
INSERT INTO journal_epoch (epoch, first_position, skipped)
SELECT (SELECT max(epoch) + 1 FROM journal_epoch), first, first - 1 - last FROM moved
RETURNING epoch, first_position"""
_CONSUMED: LiteralString = """
SELECT coalesce(max(last_position), 0)::bigint FROM consumer_position WHERE topic = %(topic)s::text"""
_JOINS: LiteralString = """
SELECT FROM journal_epoch WHERE first_position = %(first)s AND first_position - skipped - 1 = %(last)s"""
