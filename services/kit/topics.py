"""Topics as they were declared: a key stays on its partition, so nobody writes or reads a topic that has grown.

`foothold migrate` keeps the declaration in every service's database. What it does not name is taken as it is.
"""

from collections.abc import Mapping
from typing import LiteralString

from services.kit.db import Session


class WrongTopic(Exception):
    """A topic has another number of partitions than its keys were spread over; the message says what to do."""


async def declared(session: Session) -> dict[str, int]:
    """The number of partitions of each topic that was declared."""
    found = await session.execute("SELECT topic, partitions FROM topic_declared")
    return {row[0]: row[1] async for row in found}


async def declare(session: Session, partitions: Mapping[str, int]) -> None:
    """Keeps how many partitions each topic is to have."""
    await session.execute(_DECLARE, {"topics": list(partitions), "partitions": list(partitions.values())})


def require_declared(topic: str, partitions: int, declared: Mapping[str, int]) -> None:
    """Raises WrongTopic where the topic has another number of partitions than it was declared to have."""
    wanted = declared.get(topic, partitions)
    if partitions != wanted:
        raise WrongTopic(
            f"topic {topic} has {partitions} partitions where {wanted} are declared, so keys would change their"
            " partition and events their order; see docs/operations.md"
        )


_DECLARE: LiteralString = """
INSERT INTO topic_declared (topic, partitions) SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::int[])
ON CONFLICT (topic) DO UPDATE SET partitions = excluded.partitions
"""
