"""Waiting before the next try: longer from try to try, never together with others, never in the way of a
stop."""

import asyncio
import random


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits for `seconds`, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def breathe(stop: asyncio.Event, worked: float) -> None:
    """Rests for three times as long as a round of work took, 100 ms at the most, or until `stop` is set.

    What comes meanwhile goes together: the more the machine has to do, the fewer and the larger the rounds.
    """
    await pause(stop, min(3 * worked, 0.1))


class Backoff:
    """Doubles from `first` to `most` seconds, each wait shortened at random by up to a half."""

    def __init__(self, first: float = 0.1, most: float = 5.0) -> None:
        self._first = first
        self._most = most
        self._tries = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Waits for the present delay, or until `stop` is set; the next one is longer."""
        await pause(stop, self.delay())

    def delay(self) -> float:
        """The seconds that the next wait takes; the one after it takes longer."""
        delay = min(self._most, self._first * 2**self._tries)
        self._tries = min(self._tries + 1, 16)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, hides nothing

    def reset(self) -> None:
        """The last try succeeded."""
        self._tries = 0
