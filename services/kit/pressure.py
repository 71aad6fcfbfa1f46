"""What keeps a process able to answer: every request has a deadline, and of dear ones only so many run at once.

At its deadline a request is cancelled wherever it waits. psycopg then has the server cancel the statement as well, so
no query outlives the request that asked for it. Dear requests leave half of the pool's connections to all others: what
is cheap, and `/readyz`, goes on however many sums are asked for.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

from fastapi import Request

from services.kit.problems import SOON, Problem, TooSlow, Unavailable

PATIENCE: Final = 1.0
"""Seconds for which a dear request waits for its turn."""

UPLOAD_SECONDS: Final = 1800.0
"""Seconds that an upload may take: it is as large as its sender's line is slow, and holds nothing meanwhile."""

WAIT_SECONDS: Final = 30.0
"""Seconds that a request may ask to wait for news (`?wait=`), on top of what it may take."""


_Endpoint = TypeVar("_Endpoint", bound=Callable[..., object])


def dear(endpoint: _Endpoint) -> _Endpoint:
    """Marks an endpoint as dear, whatever is asked of it."""
    vars(endpoint)["dear"] = True
    return endpoint


def is_dear(endpoint: Callable[..., object], request: Request) -> bool:
    """Whether the request is for a dear endpoint, or for a list's total or a part of a text."""
    if "dear" in vars(endpoint) or not request.scope["query_string"]:
        return "dear" in vars(endpoint)
    # As the list reads them: a name may be written in many ways.
    given = request.query_params.multi_items()
    return any(name == "q" or "contains" in name or (name, text) == ("count", "true") for name, text in given)


class Pressure:
    """The deadline of a process's requests, in seconds, and the number of dear ones that run at once.

    `refused` is told of each request that is ended or sent away.
    """

    def __init__(
        self,
        *,
        seconds: float,
        dear: int,
        patience: float = PATIENCE,
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.seconds = seconds
        self.refused = refused
        self._turns = asyncio.Semaphore(dear)
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """The turn of a dear request. Raises Unavailable when none comes within a second."""
        if self._turns.locked():
            await self._in_line()
        else:
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def _in_line(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            self.refused("busy")
            raise Unavailable(
                "busy", "Too many such requests are being worked on; try again.", headers=SOON
            ) from None

    def deadline(self, request: Request, *, uploads: bool = False, waits: bool = False) -> "Deadline":
        """The deadline of the request, by what its route takes: an upload, or `wait`."""
        if uploads:
            seconds = UPLOAD_SECONDS
        else:
            waits = waits and "wait" in request.query_params
            seconds = self.seconds + (WAIT_SECONDS if waits else 0)
        return Deadline(self, seconds, writes=request.method != "GET")


class Deadline:
    """What runs within it is cancelled at the end of its time, and the request refused: 503 `timeout`.

    Where the time went into waiting for the request's body, as `arriving` says, it is 408 `body_slow`.
    """

    def __init__(self, pressure: Pressure, seconds: float, *, writes: bool) -> None:
        self._pressure, self._writes = pressure, writes
        self._timeout = asyncio.timeout(seconds)
        self._seconds = seconds
        self.arriving = writes

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._refusal() from None

    def _refusal(self) -> Problem:
        self._pressure.refused("body_slow" if self.arriving else "timeout")
        if self.arriving:
            return TooSlow(
                "body_slow",
                f"The body did not arrive within {self._seconds:g} s.",
                headers={"Connection": "close"},
            )
        doubt = _DOUBT if self._writes else ""
        return Unavailable(
            "timeout",
            f"The request took longer than {self._seconds:g} s and was ended.{doubt}",
            headers=SOON,
        )


_DOUBT = " Whether the change took effect is not known: repeat it under the same Idempotency-Key."
