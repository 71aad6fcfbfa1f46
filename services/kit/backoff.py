"""Waiting before the next try: longer from try to try, never together with others, never in the way of a
stop."""

import asyncio
import random
from time import monotonic


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits for `seconds`, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


class Pace:
    """Keeps rounds of work apart: what comes in the meantime goes together, and what comes alone need not wait."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun = -seconds

    async def wait(self, stop: asyncio.Event) -> None:
        """Waits until the last round began `seconds` ago, or until `stop` is set; the next one begins now."""
        left = self._begun + self._seconds - monotonic()
        if left > 0:
            await pause(stop, left)
        self._begun = monotonic()


class Backoff:
    """Doubles from `first` to `most` seconds, each wait shortened at random by up to a half."""

    def __init__(self, first: float = 0.1, most: float = 5.0) -> None:
        self._first = first
        self._most = most
        self._tries = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Waits for the present delay, or until `stop` is set; the next one is longer."""
        delay = min(self._most, self._first * 2**self._tries)
        self._tries = min(self._tries + 1, 16)
        await pause(stop, delay * random.uniform(0.5, 1.0))  # noqa: S311  # spreads load, hides nothing

    def reset(self) -> None:
        """The last try succeeded."""
        self._tries = 0
