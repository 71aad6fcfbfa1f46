"""A connection to PostgreSQL whose socket is watched for as long as it lives.

psycopg has the loop watch it anew for every wait, with a timer beside it; on uvloop that is two fifths of a short
statement's processor time. Everything else is psycopg's, waits with an end and the cancelling of statements too.
"""

import asyncio
import os
import select
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

    One that is at rest, and is hung up on by its server, is `closed` as soon as the loop has seen it.
    """

    _watch: "_Watch | None" = None
    _waiting: asyncio.Future[None] | None = None
    _busy = False

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _INTERVAL,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's
    ) -> RV:
        """What the generator comes to, as psycopg's own."""
        self._busy = True
        try:
            if timeout is not None or interval != _INTERVAL:
                return await super().wait(gen, interval, timeout)
            return await self._wait(gen)
        finally:
            self._busy = False

    def watch(self) -> None:
        """Has the loop watch the socket from now on; the first wait to read does so by itself."""
        if self._watch is None:
            self._watch = _Watch(self.pgconn.socket)
            asyncio.get_running_loop().add_reader(self._watch.copy, self._seen)

    async def close(self) -> None:
        """Closes the connection."""
        self._look_away()
        await super().close()

    async def _wait(self, gen: PQGen[RV]) -> RV:
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

    def _readable(self) -> asyncio.Future[None]:
        self.watch()
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _seen(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
            if self._watch is not None and self._watch.is_broken():
                # uvloop has just stopped to watch: what is still to be read would not be seen.
                self._look_away()
        elif self._busy:
            # psycopg waits by itself.
            self._look_away()
        else:
            self._take_in()

    def _take_in(self) -> None:
        """Reads what nobody asked for: the server has hung up, or says something beside the point."""
        try:
            self.pgconn.consume_input()
        except psycopg.OperationalError:
            self._look_away()

    def _look_away(self) -> None:
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch.copy)
            self._watch.close()
            self._watch = None


class _Watch:
    """What the loop watches: a copy of the socket, for libpq closes its own when it likes, and its number is reused."""

    __slots__ = ("_poll", "copy")

    def __init__(self, socket: int) -> None:
        self.copy = os.dup(socket)
        self._poll = select.poll()
        self._poll.register(self.copy, 0)

    def is_broken(self) -> bool:
        """Whether the connection is, whatever there may still be to read."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        os.close(self.copy)


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
