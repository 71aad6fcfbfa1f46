"""Followers: apps that keep a copy of all that their user sees, and follow the feed of changes from the start."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

import httpx

from deploy.local.problems import StackProblem
from deploy.local.tokens import fetch_token
from tests.chaos.checks import feeds
from tests.chaos.clients import SELLERS, Places
from tests.chaos.finding import Finding
from tests.syncing.client import Away, Client, Gateway
from tests.syncing.store import Store

_LIMIT = 5  # Few, so that pages are full and there is more.
_REST = 0.3
_ANSWER_SECONDS = 6.0
_TOKEN_SECONDS = 1800.0
_SETTLING = 30.0
_LOOKS = 3  # What time alone changes may change between following and reading.


class Follower:
    """One of them. Use it as a context."""

    def __init__(self, email: str, places: Places, file: Path) -> None:
        self.email = email
        self._places, self._store = places, Store(file)
        self._http = httpx.AsyncClient(base_url=places.door, timeout=_ANSWER_SECONDS, trust_env=False)
        self._token_at = float("-inf")
        self._gateway = Gateway(self._http)
        self._client = Client(self._gateway, self._store)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        self._store.close()

    @property
    def held(self) -> int:
        """How many rows it holds."""
        return len(self._store.rows())

    async def run(self, stop: asyncio.Event) -> None:
        """Follows until `stop`, whatever is away meanwhile."""
        while not stop.is_set():
            with suppress(Away):
                await self._sync()
            await asyncio.sleep(_REST)

    async def findings(self) -> list[Finding]:
        """What it holds otherwise than it is. Raises TimeoutError where it cannot follow to the end."""
        found: list[Finding] = []
        for _ in range(_LOOKS):
            async with asyncio.timeout(_SETTLING):
                await self._settle()
                found = list(feeds.check(self.email, self._store.rows(), await self._fresh()))
            if not found:
                break
        return found

    async def _settle(self) -> None:
        while True:
            with suppress(Away):
                if await self._sync():
                    return
            await asyncio.sleep(_REST)

    async def _sync(self) -> bool:
        await self._speak()
        # As long as not every service has heard of the user, there is no token.
        if self._store.token is None and await self._gateway.get("/v1/changes") is None:
            return False
        return await self._client.sync(limit=_LIMIT)

    async def _speak(self) -> None:
        if time.monotonic() - self._token_at > _TOKEN_SECONDS:
            try:
                token = await asyncio.to_thread(fetch_token, self._places.issuer, self.email)
            except StackProblem as error:
                raise Away("a token") from error
            self._http.headers["Authorization"] = f"Bearer {token}"
            self._token_at = time.monotonic()

    async def _fresh(self) -> dict[tuple[str, str], Any]:
        everything = await self._gateway.everything()
        return {(noun, row["id"]): row for noun, rows in everything.items() for row in rows}


class Followers:
    """Some sellers' apps. Use it as a context."""

    def __init__(self, places: Places, files: Path) -> None:
        self._followers: Sequence[Follower] = [
            Follower(email, places, files / f"follower-{number}.db")
            for number, email in enumerate(SELLERS[:2], 1)
        ]
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for each in self._followers:
            await self._exits.enter_async_context(each)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    @property
    def held(self) -> int:
        """How many rows they hold."""
        return sum(each.held for each in self._followers)

    async def run(self, stop: asyncio.Event) -> None:
        """All of them, until `stop`."""
        await asyncio.gather(*(each.run(stop) for each in self._followers))

    async def findings(self) -> list[Finding]:
        """What any of them holds otherwise than it is, or cannot follow to."""
        return [found for each in self._followers for found in await _found(each)]


async def _found(each: Follower) -> list[Finding]:
    try:
        return await each.findings()
    except (TimeoutError, Away) as error:
        return [
            Finding("rest", f"{each.email} cannot follow to the end: {error or 'there is always more'}", ())
        ]
