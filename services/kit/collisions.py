"""Collisions: a request and somebody else, a consumer's batch maybe, are in each other's way in the database.

PostgreSQL ends the statement of one of them, and what is undone so is undone whole: it can be done anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import uniform
from typing import Final, TypeVar

import psycopg
import structlog

from services.kit import idempotency

COLLISIONS: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
TRIES: Final = 3
_PAUSE = (0.01, 0.1)

_T = TypeVar("_T")
log = structlog.get_logger()


async def anew(attempt: Callable[[], Awaitable[_T]]) -> _T:
    """What the attempt gives, which is made up to three times while it collides.

    An attempt is one transaction, or statements of which the last one alone has an effect. It gives its connection back
    in between. Raises what the last one raised, and at once where it waits for another of the same Idempotency-Key.
    """
    for _ in range(TRIES - 1):
        try:
            return await attempt()
        except COLLISIONS as error:
            if is_same_key(error):
                raise
            log.info("collided", error=type(error).__name__)
        await asyncio.sleep(uniform(*_PAUSE))  # noqa: S311  # spreads load, hides nothing
    return await attempt()


def is_same_key(error: psycopg.Error) -> bool:
    """Whether what was waited for is another request under the same Idempotency-Key."""
    return idempotency.CONSTRAINT in (error.diag.context or "")
