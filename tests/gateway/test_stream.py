"""The stream: what listeners hear, from where they go on, and when they are let go of."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from services.kit.membership import MEMBER_FOR
from tests.conftest import DatabaseUrl
from tests.gateway.platform import Platform, ids, platform


@pytest.fixture
async def small(database_url: DatabaseUrl) -> AsyncIterator[Platform]:
    async with platform(database_url) as opened:
        yield opened


@dataclass
class Ear:
    """A listener: what it hears, event by event."""

    lines: AsyncIterator[str]
    id: str = ""
    comments: list[str] = field(default_factory=list[str])

    async def event(self) -> tuple[str, Any]:
        """The next event; raises StopAsyncIteration when the stream has ended."""
        name, data = "", ""
        async with asyncio.timeout(20):
            while line := await anext(self.lines):
                self._hear(line)
                name = line.removeprefix("event: ") if line.startswith("event: ") else name
                data = line.removeprefix("data: ") if line.startswith("data: ") else data
        return (name, orjson.loads(data)) if data else await self.event()

    def _hear(self, line: str) -> None:
        if line.startswith(":"):
            self.comments.append(line)
        elif line.startswith("id: "):
            self.id = line.removeprefix("id: ")

    async def items(self) -> list[Any]:
        name, data = await self.event()
        assert name == "changes"
        return data["items"]

    async def ends(self) -> bool:
        try:
            await self.event()
        except StopAsyncIteration:
            return True
        return False


@asynccontextmanager
async def listening(small: Platform, who: str, query: str = "", **headers: str) -> AsyncGenerator[Ear]:
    """Listens, and has heard where it begins."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{small.port}", timeout=60) as client:
        asked = small.headers(who) | headers
        async with client.stream("GET", f"/v1/stream{query}", headers=asked) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream"
            ear = Ear(answer.aiter_lines())
            assert await ear.event() == ("changes", {"items": []})
            yield ear


async def opened(small: Platform, who: str, name: str = "Acme") -> str:
    account = (await small.ok(who, "POST", "/v1/accounts", {"name": name}))["id"]
    await small.number()
    return account


async def test_listeners_hear_what_concerns_them_and_go_on_where_they_were(small: Platform) -> None:
    await small.hire("seller")
    await small.hire("stranger")
    async with listening(small, "seller") as ear, listening(small, "stranger") as other:
        account = await opened(small, "seller")
        assert ids(await ear.items()) == [account]
        mine = await opened(small, "stranger")
        assert ids(await other.items()) == [mine]
        assert ear.id
    missed = await opened(small, "seller", "Missed")
    async with listening(small, "seller", **{"Last-Event-ID": ear.id}) as again:
        assert ids(await again.items()) == [missed]
    async with listening(small, "seller", f"?since={ear.id}") as again:
        assert ids(await again.items()) == [missed]


@pytest.mark.parametrize(
    ("who", "sees", "knows"),
    [
        ("seller", True, True),
        ("boss", True, True),
        ("mate", True, True),
        ("chief", True, False),
        ("other", False, False),
    ],
)
async def test_everybody_is_told_through_the_door_what_their_relation_allows(
    small: Platform, who: str, sees: bool, knows: bool
) -> None:
    for name, manager in (
        ("boss", None),
        ("seller", "boss"),
        ("mate", None),
        ("chief", None),
        ("other", None),
    ):
        await small.hire(name, manager)
    small.admit("chief", "executive")
    token = (await small.ok(who, "GET", "/v1/changes"))["next"]
    account, note = await befriended(small, small.members["mate"])
    await small.hire("last")
    page = await small.ok(who, "GET", "/v1/changes", since=token)
    async with listening(small, who, f"?since={token}") as ear:
        heard: list[Any] = []
        while small.members["last"] not in ids(heard):
            heard += await ear.items()
    for items in (page["items"], heard):
        assert (account in ids(items), note in str(items)) == (sees, knows)
        assert ("contact-links" in {item["noun"] for item in items}) == sees
    view = await small.call(who, "GET", f"/v1/accounts/{account}/view")
    assert view.status_code == (200 if sees else 404)


async def befriended(small: Platform, mate: str) -> tuple[str, str]:
    """Two people at an account of the seller's and the team member's, linked; gives the account's id and the note."""
    body: dict[str, Any] = {"name": "Acme", "team": [{"member_id": mate, "function": "RND"}]}
    account = (await small.ok("seller", "POST", "/v1/accounts", body))["id"]
    people = [
        (await small.ok("seller", "POST", "/v1/contacts", {"name": name, "account_id": account}))["id"]
        for name in ("Jane", "John")
    ]
    link = {"to_contact_id": people[1], "kind": "ALLY", "note": "Golf on Sundays."}
    await small.ok("seller", "POST", f"/v1/contacts/{people[0]}/links", link)
    await small.carry()
    return account, link["note"]


async def test_a_change_of_sight_that_is_too_large_ends_the_stream_with_gone(small: Platform) -> None:
    await small.hire("boss")
    await small.hire("seller")
    async with listening(small, "boss") as ear:
        body = {"manager_id": small.members["boss"]}
        await small.ok("admin", "PATCH", f"/v1/members/{small.members['seller']}", body)
        await small.number()
        name, problem = await ear.event()
        assert (name, problem["code"]) == ("gone", "sight_changed")
        assert await ear.ends()


async def test_who_is_let_go_hears_no_more(small: Platform) -> None:
    await small.hire("seller")
    async with listening(small, "seller") as ear:
        await small.ok("admin", "PATCH", f"/v1/members/{small.members['seller']}", {"active": False})
        await small.number()
        name, problem = await ear.event()
        assert (name, problem["code"]) == ("gone", "sight_changed")
        assert await ear.ends()


async def test_who_begins_to_listen_as_somebody_who_was_just_let_go_is_found_out(small: Platform) -> None:
    await small.hire("seller")
    # Services remember the member for as long as the clock stands still.
    await small.ok("seller", "GET", "/v1/changes")
    await small.ok("admin", "PATCH", f"/v1/members/{small.members['seller']}", {"active": False})
    await small.carry()
    async with listening(small, "seller") as ear:
        small.issuer.clock.now += MEMBER_FOR
        async with asyncio.timeout(20):
            assert await ear.ends()


async def test_who_is_somebody_else_by_now_hears_no_more(small: Platform) -> None:
    await small.hire("seller")
    async with listening(small, "seller") as ear:
        body = {"subject": "another", "email": "another@example.com"}
        await small.ok("admin", "PATCH", f"/v1/members/{small.members['seller']}", body)
        await small.number()
        assert (await ear.event())[0] == "gone"
        assert await ear.ends()


async def test_a_stream_ends_with_its_token(small: Platform) -> None:
    await small.hire("seller")
    small.admit("seller", exp=int(small.issuer.clock()) + 2)
    async with listening(small, "seller") as ear:
        assert await ear.ends()


async def test_an_end_of_the_process_lets_go_of_all(small: Platform) -> None:
    await small.hire("seller")
    async with listening(small, "seller") as ear:
        small.stop.set()
        assert await ear.ends()
    answer = await small.call("seller", "GET", "/v1/stream")
    assert answer.status_code == 503


async def test_a_token_that_is_none_is_refused(small: Platform) -> None:
    assert (await small.call("admin", "GET", "/v1/stream", since="x")).status_code == 422
    assert (await small.call("admin", "GET", "/v1/stream", after="x")).status_code == 422


async def test_a_service_that_comes_back_is_heard(small: Platform) -> None:
    await small.hire("seller")
    activities = small.running["activities"]
    async with listening(small, "seller") as ear:
        await activities.go()
        account = await opened(small, "seller")
        assert ids(await ear.items()) == [account]
        await activities.come_back()
        log = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 30}
        entry = (await small.ok("seller", "POST", "/v1/time-logs", log))["id"]
        await small.number()
        assert ids(await ear.items()) == [entry]


async def test_many_listen_and_each_hears_its_own(small: Platform) -> None:
    await small.hire("seller")
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Barrier(41)

        async def listen() -> None:
            async with listening(small, "seller") as ear:
                await ready.wait()
                assert len(await ear.items()) == 1

        for _ in range(40):
            group.create_task(listen())
        await ready.wait()
        await opened(small, "seller")
