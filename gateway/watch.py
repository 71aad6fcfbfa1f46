"""Where the services' journals stand: one waiting request to each service, for all who wait in this process.

Whoever waits is told only that something is new; what it is, they ask for themselves, with a token of their own. While
nobody waits, nobody asks.
"""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, Self

import orjson

from gateway.upstreams import SERVICES, Answer, Upstreams
from services.kit.backoff import pause

WAIT: Final = 5
"""Seconds for which one request waits at a service: after so many a service that was away is known to be back."""

AWAY: Final = -1
"""Where a service stands that does not answer."""

_AFTER_TROUBLE: Final = 1.0
_MARGIN: Final = 3.0


class Watch:
    """Watches while it is held. Use it as a context; `stop` lets go of all who wait, now and later."""

    def __init__(self, upstreams: Upstreams, stop: asyncio.Event) -> None:
        self._upstreams, self._stop = upstreams, stop
        self._standing = dict.fromkeys(SERVICES, AWAY)
        self._moved = asyncio.Event()
        self._moves = 0
        self._holders = 0
        self._watching: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._ending = asyncio.create_task(self._end_in_time(), name="watch-end")
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [self._ending, *self._watching.values()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    @property
    def standing(self) -> Mapping[str, int]:
        """The last position of each service's journal as far as is known; it changes in place."""
        return self._standing

    @property
    def ended(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._stop.is_set()

    @contextmanager
    def held(self) -> Generator[None]:
        """Watches meanwhile."""
        self._holders += 1
        for service in SERVICES:
            if service not in self._watching or self._watching[service].done():
                self._begin(service, 0)
        try:
            yield
        finally:
            self._holders -= 1

    @property
    def moves(self) -> int:
        """How often a service has come to stand elsewhere."""
        return self._moves

    async def moved(self, seconds: float, beyond: int) -> None:
        """Waits until there have been more than so many moves, for `seconds` at the most.

        Whoever looks at where services stand and then does something else asks how many there were before the look.
        """
        if self.ended or self._moves > beyond:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    def lost(self, service: str) -> None:
        """Somebody has had no answer from the service: it counts as away until it answers here, a little later."""
        if self._standing[service] != AWAY:
            self._standing[service] = AWAY
            self._watching[service].cancel()
            self._begin(service, _AFTER_TROUBLE)

    def _begin(self, service: str, seconds: float) -> None:
        self._watching[service] = asyncio.create_task(self._follow(service, seconds), name=f"watch-{service}")

    async def _follow(self, service: str, seconds: float) -> None:
        await pause(self._stop, seconds)
        while self._holders and not self.ended:
            target = f"/headz?beyond={self._standing[service]}&wait={WAIT}"
            answer = await self._upstreams.ask(service, target, [], seconds=WAIT + _MARGIN)
            position = _position(answer) if isinstance(answer, Answer) else AWAY
            if position != self._standing[service]:
                self._standing[service] = position
                self._tell()
            if position == AWAY:
                await pause(self._stop, _AFTER_TROUBLE)

    def _tell(self) -> None:
        self._moves += 1
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _end_in_time(self) -> None:
        await self._stop.wait()
        self._tell()


def _position(answer: Answer) -> int:
    try:
        return int(orjson.loads(answer.body)["position"]) if answer.status == 200 else AWAY
    except (ValueError, KeyError, TypeError):
        return AWAY
