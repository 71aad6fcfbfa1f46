"""A connection to PostgreSQL whose socket is watched for as long as it lives.

psycopg has the loop watch it anew for every wait, with a timer beside it; on uvloop that is two fifths of a short
statement's processor time. Everything else is psycopg's, waits with an end and the cancelling of statements too.
"""

import asyncio
import os
from collections.abc import Generator
from typing import Any, Final, cast

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import Row
from psycopg.waiting import Ready, Wait

# How often psycopg looks for signals while it waits, which a loop of ours is told of otherwise.
_INTERVAL: Final = 0.1


class Watched(psycopg.AsyncConnection[Row]):
    """A connection of autocommit or of transactions, without pipelines and notifications of its own.

    The loop watches a copy of the socket: libpq closes its own when it likes, and the number may be another's by then.
    """

    _copy: int | None = None
    _waiting: asyncio.Future[None] | None = None

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _INTERVAL,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's
    ) -> RV:
        """What the generator comes to, as psycopg's own."""
        if timeout is not None or interval != _INTERVAL:
            return await super().wait(gen, interval, timeout)
        try:
            state = next(gen)
            while state == Wait.R:
                await self._readable()
                state = gen.send(Ready.R)
        except StopIteration as done:
            return cast("RV", done.value)
        except asyncio.CancelledError:
            return await super().wait(_Interrupted(gen))
        except psycopg.OperationalError:
            self._look_away()
            raise
        return await super().wait(_resumed(gen, state))

    async def close(self) -> None:
        """Closes the connection."""
        self._look_away()
        await super().close()

    def _readable(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        if self._copy is None:
            self._copy = os.dup(self.pgconn.socket)
            loop.add_reader(self._copy, self._seen)
        self._waiting = loop.create_future()
        return self._waiting

    def _seen(self) -> None:
        if self._waiting is None or self._waiting.done():
            # Nobody asked: the server has ended the connection, or says something beside the point.
            self._look_away()
        else:
            self._waiting.set_result(None)

    def _look_away(self) -> None:
        if self._copy is not None:
            asyncio.get_running_loop().remove_reader(self._copy)
            os.close(self._copy)
            self._copy = None


def _resumed(gen: PQGen[RV], state: Wait) -> PQGen[RV]:
    """The generator from here on, where it has just asked for this."""
    while True:
        ready = yield state
        try:
            state = gen.send(ready)
        except StopIteration as done:
            return cast("RV", done.value)


class _Interrupted(Generator[Any, Any, RV]):
    """A generator at whose first step the interruption comes that came during a wait: psycopg ends its statement."""

    def __init__(self, gen: PQGen[RV]) -> None:
        self._gen = gen
        self._told = False

    def send(self, value: Any, /) -> Any:
        if not self._told:
            self._told = True
            raise asyncio.CancelledError
        return self._gen.send(value)

    def throw(self, *error: Any) -> Any:
        return self._gen.throw(*error)
