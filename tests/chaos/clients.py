"""The clients: several at once, each one request at a time, each as patient as a client that wants its thing done.

What did not get a definite answer is asked again under the same Idempotency-Key, until it does or the run is over.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from deploy.local.tokens import ADMIN
from services.kit.clients import AsyncClient, HTTPError, open_client
from tests.chaos.history import Answer, Scribe, Wish
from tests.chaos.wishes import Colleague, Wisher
from tests.chaos.world import World

MANAGERS = ("cara.losch@example.com", "rocco.neubert@example.com")
SELLERS = tuple(f"seller.{n}@example.com" for n in range(1, 5))
SPEAKERS = (ADMIN, MANAGERS[0], *SELLERS)
"""By whom the clients speak, one each."""

_ANSWER_SECONDS = 6.0
_TOKEN_SECONDS = 1800.0
_REST = 0.03


@dataclass(frozen=True)
class Places:
    """Where clients go: the door, and the issuer of their tokens."""

    door: str
    issuer: str


class Client:
    """One client. Use it as a context."""

    def __init__(self, number: int, email: str, places: Places, run: str, histories: Path) -> None:
        self.email = email
        self._name, self._places = f"{run}-c{number}", places
        self._scribe = Scribe(histories / f"client-{number}.jsonl")
        self._chance = random.Random(self._name)  # noqa: S311  # spreads load, hides nothing
        self._http: AsyncClient = open_client(seconds=_ANSWER_SECONDS)
        self._token, self._token_at = "", float("-inf")
        self._operations = 0

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        self._scribe.close()

    def next_name(self) -> str:
        """The name of the next operation: its key, and the beginning of its request ids."""
        self._operations += 1
        return f"{self._name}-{self._operations:05d}"

    async def do(self, name: str, wish: Wish, giving_up: asyncio.Event) -> Answer | None:
        """Has the wish done or refused; None when it was given up before anybody said which."""
        for number in range(1, 10_000):
            self._scribe.sends(name, number, wish)
            answer = await self._attempt(name, number, wish)
            self._scribe.hears(name, number, answer)
            if answer.definite:
                return answer
            if giving_up.is_set():
                return None
            await asyncio.sleep(min(1.5, 0.1 * 1.5**number) * self._chance.uniform(0.5, 1.0))
        return None

    async def _attempt(self, name: str, number: int, wish: Wish) -> Answer:
        try:
            headers = {
                "Authorization": f"Bearer {await self._bearer()}",
                "Idempotency-Key": name,
                "X-Request-Id": f"{name}-{number}",
            }
            if wish.if_match is not None:
                headers["If-Match"] = wish.if_match
            async with asyncio.timeout(2 * _ANSWER_SECONDS):
                answer = await self._http.request(
                    wish.method, self._places.door + wish.path, headers=headers, json=wish.body
                )
        except (HTTPError, TimeoutError, OSError) as error:
            return Answer(None, trouble=type(error).__name__)
        return _answer(answer)

    async def _bearer(self) -> str:
        if time.monotonic() - self._token_at > _TOKEN_SECONDS:
            form = {"grant_type": "development", "email": self.email}
            answer = await self._http.post(f"{self._places.issuer}/token", data=form)
            self._token = answer.raise_for_status().json()["access_token"]
            self._token_at = time.monotonic()
        return self._token


class Clients:
    """All clients with what they know. `settle` opens the house, `work` fills it until `stop`."""

    def __init__(self, places: Places, run: str, seed: int, histories: Path) -> None:
        self.world = World()
        self._seed = seed
        self._colleagues: Sequence[Colleague] = ()
        self._clients = [
            Client(number, email, places, run, histories) for number, email in enumerate(SPEAKERS, 1)
        ]
        self.stop, self.giving_up = asyncio.Event(), asyncio.Event()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for client in self._clients:
            await self._exits.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def settle(self) -> int:
        """Hires our people; gives how many."""
        managers = [await self._hire(email, "SALES_MANAGER", None) for email in MANAGERS]
        sellers = [await self._hire(email, "SALES", managers[0].id) for email in SELLERS]
        self._colleagues = [*managers, *sellers]
        return len(self._colleagues)

    async def work(self) -> None:
        """Every client at once, each until `stop`; what is under way is then seen through, until `giving_up`."""
        async with asyncio.TaskGroup() as group:
            for number, client in enumerate(self._clients, 1):
                group.create_task(self._work(number, client))

    async def _work(self, number: int, client: Client) -> None:
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311  # picks rows, guards nothing
        me = next((each.id for each in self._colleagues if each.email == client.email), None)
        wisher = Wisher(self.world, chance, self._colleagues, me)
        while not self.stop.is_set():
            name = client.next_name()
            wish = wisher.next(name)
            answer = await client.do(name, wish, self.giving_up)
            if answer is not None:
                self.world.learn(wish, answer)
            await asyncio.sleep(chance.uniform(0, 2 * _REST))

    async def _hire(self, email: str, function: str, manager: str | None) -> Colleague:
        admin = self._clients[0]
        body = {"email": email, "name": email.partition("@")[0], "function": function, "manager_id": manager}
        wish = Wish("contacts", "member", "POST", "/v1/members", body)
        answer = await admin.do(admin.next_name(), wish, self.giving_up)
        if answer is None or not answer.acknowledged:
            raise RuntimeError(f"{email} could not be hired: {answer}")
        self.world.learn(wish, answer)
        return Colleague(answer.body["id"], email)


def _answer(answer: httpx.Response) -> Answer:
    headers: Mapping[str, str] = answer.headers
    try:
        body: Any = answer.json() if answer.content else None
    except ValueError:
        body = answer.text
    return Answer(
        answer.status_code,
        body,
        etag=headers.get("ETag"),
        replayed=headers.get("Idempotency-Replayed") == "true",
    )
