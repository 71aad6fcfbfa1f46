"""People, their phones, and whatever happens to both: what a client ends with, against what a fresh read shows."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.conftest import DatabaseUrl
from tests.gateway.platform import Platform, platform
from tests.syncing.client import Away, Client, Gateway
from tests.syncing.store import Store
from tests.syncing.story import SCENE, STEPS, Story, hire_all

FOLLOWERS: Final = ("seller", "rival", "boss", "executive")


class Killed(BaseException):
    """The client's process ends here."""


class Cable(httpx.AsyncHTTPTransport):
    """The way to the gateway, which may be cut, or the client killed, before or after one of the next requests."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1
        self.ends: BaseException | None = None
        self.late = False

    def end(self, after: int, how: BaseException | None, *, late: bool) -> None:
        """After so many requests `how` happens instead of one, or, where `late`, instead of its answer."""
        self.left, self.ends, self.late = after, how, late

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if self.left != -1 or self.ends is None:
            return await super().handle_async_request(request)
        if self.late:
            answer = await super().handle_async_request(request)
            await answer.aclose()
        raise self.ends


class Echo(Gateway):
    """A gateway whose pages may be heard once more, as long as they are not from before a fresh beginning."""

    def __init__(self, http: httpx.AsyncClient, heard: list[list[Any]]) -> None:
        super().__init__(http)
        self._heard = heard

    async def get(self, path: str, **query: str | int) -> Any | None:
        told = await super().get(path, **query)
        if path == "/v1/changes" and "since" in query:
            self._heard.append(told["items"] if told else [])
        elif path == "/v1/changes":
            self._heard.clear()
        return told


@dataclass
class Follower:
    """Somebody's phone."""

    who: str
    small: Platform
    path: Path
    cable: Cable = field(default_factory=Cable)
    heard: list[list[Any]] = field(default_factory=list[list[Any]])
    under_way: "asyncio.Task[Any] | None" = None

    def __post_init__(self) -> None:
        self.store = Store(self.path)
        self.http = self._open()

    def _open(self) -> httpx.AsyncClient:
        address = f"http://127.0.0.1:{self.small.port}"
        return httpx.AsyncClient(transport=self.cable, base_url=address, timeout=20)

    @property
    def gateway(self) -> Gateway:
        self.http.headers.update(self.small.headers(self.who))
        return Echo(self.http, self.heard)

    @property
    def client(self) -> Client:
        return Client(self.gateway, self.store)

    def start(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Has the client work while people do other things."""

        async def watched() -> None:
            with suppress(Away, Killed):
                await work()

        self.under_way = asyncio.ensure_future(watched())

    async def rest(self, *, cut: bool = False) -> None:
        """Waits for what is under way, or cuts it."""
        if self.under_way is not None:
            if cut:
                self.under_way.cancel()
            with suppress(asyncio.CancelledError):
                await self.under_way
            self.under_way = None

    async def restart(self) -> None:
        """Ends in the middle of whatever it does, and begins with what the file holds."""
        await self.rest(cut=True)
        self.store.close()
        self.store = Store(self.path)

    async def close(self) -> None:
        await self.rest(cut=True)
        self.store.close()
        await self.http.aclose()


@dataclass
class World:
    """A story with those who follow it."""

    story: Story
    followers: list[Follower]

    @property
    def one(self) -> Follower:
        return self.story.dice.choice(self.followers)

    @property
    def small(self) -> Platform:
        return self.story.small


async def act(world: World) -> None:
    await world.story.dice.choice(STEPS)(world.story)


async def number(world: World) -> None:
    await world.small.number()


async def carry(world: World) -> None:
    await world.small.carry()


async def sync(world: World) -> None:
    one = world.one
    await one.rest(cut=True)
    with suppress(Away):
        await one.client.sync(limit=world.story.dice.choice((1, 2, 50)))


async def sync_meanwhile(world: World) -> None:
    one = world.one
    await one.rest(cut=True)
    client, limit = one.client, world.story.dice.choice((1, 3))
    one.start(lambda: client.sync(limit=limit))


async def listen_meanwhile(world: World) -> None:
    one = world.one
    await one.rest(cut=True)
    one.start(one.client.listen)


async def drop(world: World) -> None:
    await _end(world, httpx.ReadError("dropped"))


async def kill(world: World) -> None:
    one = await _end(world, Killed())
    await one.restart()


async def _end(world: World, how: BaseException) -> Follower:
    one, dice = world.one, world.story.dice
    await one.rest(cut=True)
    one.cable.end(dice.randrange(6), how, late=dice.random() < 0.5)
    with suppress(Away, Killed):
        await one.client.sync(limit=2)
    one.cable.end(0, None, late=False)
    return one


async def repeat(world: World) -> None:
    one = world.one
    await one.rest(cut=True)
    if one.heard and one.store.token is not None:
        one.store.follow(world.story.dice.choice(one.heard), one.store.token)


async def lose_service(world: World) -> None:
    """One service is away, and all follow meanwhile."""
    service = world.story.dice.choice(list(world.small.running.values()))
    await service.go()
    for _ in range(3):
        await act(world)
    with suppress(Away):
        await world.one.client.sync()
    await service.come_back()


HAPPENINGS: Final[tuple[Callable[[World], Awaitable[None]], ...]] = (
    act, act, act, act, act, act, act, number, carry, carry, sync, sync, sync_meanwhile, listen_meanwhile, drop, kill,
    repeat, lose_service,
)  # fmt: skip


async def differences(
    database_url: DatabaseUrl, folder: Path, told: list[tuple[int, int]], cable: Callable[[], Cable] = Cable
) -> dict[str, list[Any]]:
    """Has all of it happen, then compares: what each follower, at the end of such a cable, has otherwise."""
    async with AsyncExitStack() as stack:
        small = await stack.enter_async_context(platform(database_url))
        story = await hire_all(small)
        for seed, step in enumerate(SCENE):
            story.dice = random.Random(seed)  # noqa: S311
            await step(story)
        await small.carry()
        world = World(story, [Follower(who, small, folder / who, cable()) for who in FOLLOWERS])
        for each in world.followers:
            stack.push_async_callback(each.close)
            await each.client.sync()
        for happening, seed in told:
            story.dice = random.Random(seed)  # noqa: S311
            await HAPPENINGS[happening](world)
        await small.carry()
        return {each.who: await _difference(each) for each in world.followers}


async def _difference(each: Follower) -> list[Any]:
    await each.rest(cut=True)
    await settled(each)
    return differing(each.store.rows(), await fresh(each))


def differing(held: dict[tuple[str, str], Any], shown: dict[tuple[str, str], Any]) -> list[Any]:
    """Rows that are not what they should be, as held and as shown."""
    return [
        (*key, held.get(key), shown.get(key))
        for key in held.keys() | shown.keys()
        if held.get(key) != shown.get(key)
    ]


async def settled(each: Follower) -> None:
    """Syncs until nothing is missing."""
    async with asyncio.timeout(20):
        while True:
            with suppress(Away):
                if await each.client.sync():
                    return
            await asyncio.sleep(0.1)


async def fresh(each: Follower) -> dict[tuple[str, str], Any]:
    """What a full read shows."""
    everything = await each.gateway.everything()
    return {(noun, row["id"]): row for noun, rows in everything.items() for row in rows}
