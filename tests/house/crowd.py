"""Everybody at the door: a gateway over the services of the cast, of which the callers ask and at which they listen."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import httpx
import orjson

from gateway.main import create_gateway
from gateway.views.operations import STREAM_PATH
from services.kit.identity import Verifier
from services.kit.settings import Settings
from tests.gateway.hearing import Ear, heard
from tests.gateway.standing import Listener, lifespan
from tests.house.cast import LINE, Cast, seats
from tests.house.happening import NEWS, VISIT, filled, happens
from tests.house.rights import CALLERS
from tests.kit.issuing import ISSUER, StubIssuer

# What everybody sees in each service, and the field of it by which the end of a turn is told.
MARKS: Final = {
    "contacts": ("/v1/accounts/{common}", "region"),
    "opportunities": ("/v1/opportunities/{common deal}", "need_summary"),
    "activities": ("/v1/activities/{common visit}", "outcome"),
}
# Nobody is away but who is sent away: a part that is late on a machine with much else to do is waited for.
PATIENCE: Final = 25.0
Change: TypeAlias = tuple[str, str, Any]
"""What an administrator changes: of what service, where, to what."""
Met: TypeAlias = tuple[int, str]
"""A status, and what was told with it."""


@dataclass(eq=False)
class Crowd:
    """The callers at the door. `behind` are the services' sockets; `since` is from where each asks for changes."""

    cast: Cast
    client: httpx.AsyncClient
    tokens: Mapping[str, str]
    behind: Mapping[str, Listener]
    ears: dict[str, Ear] = field(default_factory=dict[str, Ear])
    since: dict[str, str] = field(default_factory=dict[str, str])
    _met: dict[tuple[str, str, str], Met] = field(default_factory=dict[tuple[str, str, str], Met])

    async def listen(self, stack: AsyncExitStack) -> None:
        """Has everybody listen whom the gateway lets."""
        for who in CALLERS:
            status, _ = await self.meet(who, "HEAD", STREAM_PATH)
            self._met[who, "GET", STREAM_PATH] = status, ""
            if status == 200:
                self.ears[who] = await stack.enter_async_context(heard(self.client, self._headers(who)))

    async def live_through(self, turn: str, changes: Sequence[Change]) -> None:
        """Has the changes happen, then news of everything, and everybody hear it."""
        self.since = {who: ear.id for who, ear in self.ears.items()}
        self._met = {key: met for key, met in self._met.items() if key[2] == STREAM_PATH}
        for change in changes:
            await self._change(*change)
        await self.cast.tell()
        for news in NEWS:
            await happens(self.cast, news)
        marks = {service: f"the end of {turn or 'nothing'} in {service}" for service in MARKS}
        for service, (path, name) in MARKS.items():
            await self._change(service, path, {name: marks[service]})
        await asyncio.gather(*(self.cast.number(service) for service in MARKS))
        told = await asyncio.gather(*(_heard(ear, list(marks.values())) for ear in self.ears.values()))
        self._met |= {(who, "GET", STREAM_PATH): met for who, met in zip(self.ears, told, strict=True)}

    async def meet(self, who: str, method: str, path: str) -> Met:
        """What the caller meets in this turn, asked once; at the stream what they have heard."""
        key = who, method, path
        if key not in self._met:
            # Whoever may not listen has no token; one of somebody else's does as well for being refused.
            ids = self.cast.ids | {"since": self.since.get(who, self.since.get("owner", ""))}
            answer = await self.client.request(method, filled(path, ids), headers=self._headers(who))
            told = orjson.dumps(answer.json()).decode() if answer.content else ""
            self._met[key] = answer.status_code, told
        return self._met[key]

    async def _change(self, service: str, path: str, body: Any) -> None:
        ids = self.cast.ids
        answer = await self.cast.ask(service, "admin", "PATCH", filled(path, ids), filled(body, ids))
        assert answer.status_code == 200, answer.text

    def _headers(self, who: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}


async def _heard(ear: Ear, marks: Sequence[str]) -> Met:
    """What is told until all marks are, or until the stream ends for who is to begin afresh."""
    told = ""
    while not all(mark in told for mark in marks):
        name, data = await ear.event()
        if name == "gone":
            assert await ear.ends()
            return 410, told
        told += orjson.dumps(data).decode()
    return 200, told


@asynccontextmanager
async def gathered(cast: Cast) -> AsyncGenerator[Crowd]:
    """Everybody at a gateway, listening where they may."""
    async with AsyncExitStack() as stack:
        behind = {name: Listener(app) for name, app in cast.apps.items()}
        ports = {name: await listener.open() for name, listener in behind.items()}
        addresses = {f"{name}_url": f"http://127.0.0.1:{port}" for name, port in ports.items()}
        settings = Settings.model_validate({"oidc_issuer": ISSUER, **addresses})
        issuer, stop = StubIssuer(), asyncio.Event()
        judge = Verifier(settings, transport=issuer.transport, clock=issuer.clock)
        gateway = create_gateway(settings, verifier=judge, part_seconds=PATIENCE, stop=stop)
        await stack.enter_async_context(lifespan(gateway))
        door = Listener(gateway)
        address = f"http://127.0.0.1:{await door.open()}"
        stack.push_async_callback(_end, cast, stop, (door, *behind.values()))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=30))
        await _share(cast)
        for service in MARKS:
            await _speak(cast, service)
        crowd = Crowd(cast, client, _admitted(cast, issuer), behind)
        await crowd.listen(stack)
        yield crowd


async def _end(cast: Cast, stop: asyncio.Event, listeners: Sequence[Listener]) -> None:
    stop.set()
    for app in cast.apps.values():
        app.state.head.end()
    for listener in listeners:
        await listener.close()


def _admitted(cast: Cast, issuer: StubIssuer) -> Mapping[str, str]:
    """A good token for each caller, by which the services know them too."""
    viewers = cast.callers.viewers
    tokens = {who: issuer.token(sub=who) for who in CALLERS if who in viewers}
    viewers |= {token: viewers[who] for who, token in tokens.items()}
    return tokens


async def _speak(cast: Cast, service: str) -> None:
    """Has the service make its part of the catalogue, which takes a second that the gateway may not have later."""
    answer = await cast.ask(service, "admin", "GET", "/v1/catalog")
    assert answer.status_code == 200, answer.text


async def _share(cast: Cast) -> None:
    """Opens what everybody sees."""
    body: dict[str, Any] = {"name": "公地", "team": seats(cast, *LINE)}
    account = await cast.make("contacts", "/v1/accounts", body, name="common")
    await cast.tell()
    told = {"account_id": account, "owner_id": cast.ids["former"]}
    await cast.make("opportunities", "/v1/opportunities", {"name": "公地", **told}, name="common deal")
    visit = {**VISIT, "subject": "公地", **told}
    await cast.make("activities", "/v1/activities", visit, name="common visit")
    await cast.tell()
    for service in MARKS:
        await cast.number(service)
