"""The stream: what listeners hear, from where they go on, and when they are let go of."""

import asyncio
from contextlib import AbstractAsyncContextManager

import httpx
from starlette.types import Receive, Scope, Send

from gateway.feeds import Feeds
from gateway.routes.door import Passed
from gateway.routes.stream import Stream
from gateway.upstreams import SERVICES, Calls, Upstreams
from gateway.watch import Watch
from services.kit.membership import MEMBER_FOR
from services.kit.metrics import Metrics
from services.kit.settings import Settings
from tests.bench.stream import Feed
from tests.gateway.hearing import Ear, heard
from tests.gateway.platform import Platform, ids
from tests.gateway.standing import Listener, spoken
from tests.kit.issuing import ISSUER, StubIssuer


def listening(small: Platform, who: str, query: str = "", **headers: str) -> AbstractAsyncContextManager[Ear]:
    return heard(small.client, small.headers(who) | headers, query)


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


async def test_a_head_of_the_stream_ends_with_its_answer(small: Platform) -> None:
    await small.hire("seller")
    token = (await small.ok("seller", "GET", "/v1/changes"))["next"]
    for query in ("", f"?since={token}"):
        line = f"HEAD /v1/stream{query} HTTP/1.1"
        answer = await spoken(small.port, line, small.headers("seller")["Authorization"])
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"content-type: text/event-stream" in head
        assert body == b""


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


async def test_news_that_come_while_others_are_told_are_heard_at_once() -> None:
    feeds = {name: Feed() for name in SERVICES}
    served = {name: Listener(feed) for name, feed in feeds.items()}
    addresses = {f"{name}_url": f"http://127.0.0.1:{await each.open()}" for name, each in served.items()}
    upstreams = Upstreams(
        Settings.model_validate({"oidc_issuer": ISSUER, **addresses}), Calls(Metrics().registry)
    )
    watch = Watch(upstreams, asyncio.Event())
    # Nobody is looked at for the sake of time alone as long as anybody here is patient.
    stream = Stream(Feeds(upstreams, watch), watch, tick=3_600)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await stream(Passed("/v1/stream", ""), scope, receive, send)

    door = Listener(app)
    headers = {"Authorization": f"Bearer {StubIssuer().token()}"}
    address = f"http://127.0.0.1:{await door.open()}"
    async with upstreams, watch, stream, httpx.AsyncClient(base_url=address) as client:
        async with heard(client, headers) as ear:
            for feed in feeds.values():
                feed.move()
                assert len(await ear.items()) == 1
        await door.close()
    for listener in served.values():
        await listener.close()
