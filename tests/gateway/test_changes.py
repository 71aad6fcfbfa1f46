"""The feed of changes through the gateway, over three services."""

import asyncio

import httpx
import pytest

from tests.gateway.platform import Platform, ids
from tests.gateway.standing import Standing


async def test_one_token_holds_the_changes_of_all_services(small: Platform) -> None:
    await small.hire("seller")
    first = await small.ok("seller", "GET", "/v1/changes")
    assert (first["items"], first["more"], first["missing"]) == ([], False, [])
    account = (await small.ok("seller", "POST", "/v1/accounts", {"name": "Acme"}))["id"]
    await small.carry()
    deal = (await small.ok("seller", "POST", "/v1/opportunities", {"name": "Deal", "account_id": account}))[
        "id"
    ]
    log = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 30}
    entry = (await small.ok("seller", "POST", "/v1/time-logs", log))["id"]
    await small.carry()
    page = await small.ok("seller", "GET", "/v1/changes", since=first["next"])
    told = [(item["service"], item["noun"], item["type"], item["id"]) for item in page["items"]]
    assert told == [
        ("contacts", "accounts", "created", account),
        ("opportunities", "opportunities", "created", deal),
        ("activities", "time-logs", "recorded", entry),
    ]
    for item, path in zip(page["items"], ("accounts", "opportunities", "time-logs"), strict=True):
        assert item["data"] == await small.ok("seller", "GET", f"/v1/{path}/{item['id']}")
    assert (await small.ok("seller", "GET", "/v1/changes", since=page["next"]))["items"] == []


async def test_a_service_that_is_away_is_named_and_its_part_of_the_token_stays(small: Platform) -> None:
    await small.hire("seller")
    token = (await small.ok("seller", "GET", "/v1/changes"))["next"]
    log = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 30}
    entry = (await small.ok("seller", "POST", "/v1/time-logs", log))["id"]
    account = (await small.ok("seller", "POST", "/v1/accounts", {"name": "Acme"}))["id"]
    await small.number()
    activities = small.running["activities"]
    await activities.go()
    page = await small.ok("seller", "GET", "/v1/changes", since=token)
    assert (ids(page["items"]), page["missing"]) == (
        [account],
        [{"part": "activities", "reason": "unreachable"}],
    )
    assert (await small.call("seller", "GET", "/v1/changes")).status_code == 503
    await activities.come_back()
    page = await small.ok("seller", "GET", "/v1/changes", since=page["next"])
    assert (ids(page["items"]), page["missing"]) == ([entry], [])


async def test_who_waits_hears_of_the_first_service_that_has_something(small: Platform) -> None:
    await small.hire("seller")
    token = (await small.ok("seller", "GET", "/v1/changes"))["next"]
    waiting = [
        asyncio.create_task(small.ok("seller", "GET", "/v1/changes", since=token, wait=30)) for _ in range(5)
    ]
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in waiting)
    account = (await small.ok("seller", "POST", "/v1/accounts", {"name": "Acme"}))["id"]
    await small.number()
    assert [ids((await task)["items"]) for task in waiting] == [[account]] * 5


async def test_who_is_missing_is_named_at_the_end_of_a_wait_too(small: Platform) -> None:
    await small.hire("seller")
    token = (await small.ok("seller", "GET", "/v1/changes"))["next"]
    await small.running["activities"].go()
    waiting = asyncio.create_task(small.ok("seller", "GET", "/v1/changes", since=token, wait=30))
    await asyncio.sleep(0.5)
    account = (await small.ok("seller", "POST", "/v1/accounts", {"name": "Acme"}))["id"]
    await small.number()
    page = await waiting
    assert ids(page["items"]) == [account]
    assert page["missing"] == [{"part": "activities", "reason": "unreachable"}]
    await small.running["activities"].come_back()


async def test_who_comes_back_during_a_wait_is_missing_no_more(small: Platform) -> None:
    await small.hire("seller")
    token = (await small.ok("seller", "GET", "/v1/changes"))["next"]
    await small.running["activities"].go()
    waiting = asyncio.create_task(small.ok("seller", "GET", "/v1/changes", since=token, wait=30))
    await asyncio.sleep(0.5)
    await small.running["activities"].come_back()
    log = {"spent_on": "2026-01-01", "category": "TRAVEL", "minutes": 30}
    entry = (await small.ok("seller", "POST", "/v1/time-logs", log))["id"]
    await small.number()
    page = await waiting
    assert (ids(page["items"]), page["missing"]) == ([entry], [])


async def test_an_end_lets_go_of_all_who_wait(small: Platform) -> None:
    await small.hire("seller")
    token = (await small.ok("seller", "GET", "/v1/changes"))["next"]
    waiting = asyncio.create_task(small.ok("seller", "GET", "/v1/changes", since=token, wait=30))
    await asyncio.sleep(0.3)
    small.stop.set()
    assert (await waiting)["items"] == []


async def test_who_is_let_go_while_waiting_is_answered_by_what_they_are_then(small: Platform) -> None:
    await small.hire("seller")
    tokens = [(await small.ok("seller", "GET", "/v1/changes"))["next"]]
    ports = [small.port]
    for each in small.running.values():
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{each.port}") as client:
            answer = await client.get("/v1/changes", headers=small.headers("seller"))
        tokens.append(answer.json()["next"])
        ports.append(each.port)
    async with httpx.AsyncClient(headers=small.headers("seller"), timeout=40) as client, asyncio.timeout(20):
        waiting = [
            asyncio.create_task(client.get(f"http://127.0.0.1:{port}/v1/changes?wait=30&since={token}"))
            for port, token in zip(ports, tokens, strict=True)
        ]
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in waiting)
        await small.ok("admin", "PATCH", f"/v1/members/{small.members['seller']}", {"active": False})
        await small.carry()
        answers = [await task for task in waiting]
    assert {answer.json()["code"] for answer in answers} <= {"sight_changed", "member_inactive"}


async def test_who_is_to_begin_afresh_is_told_so_by_the_service(small: Platform) -> None:
    await small.hire("boss")
    await small.hire("seller")
    token = (await small.ok("boss", "GET", "/v1/changes"))["next"]
    body = {"manager_id": small.members["boss"]}
    await small.ok("admin", "PATCH", f"/v1/members/{small.members['seller']}", body)
    await small.carry()
    answer = await small.call("boss", "GET", "/v1/changes", since=token)
    assert (answer.status_code, answer.json()["code"]) == (410, "sight_changed")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=x", "since"),
        ("since=", "since"),
        ("since=a.b.c%26limit=1", "since"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=%C2%B2", "limit"),
        ("wait=31", "wait"),
        ("wait=1&wait=2", "wait"),
        ("after=1", "after"),
    ],
)
async def test_what_is_wrong_is_named(stand: Standing, query: str, field: str) -> None:
    answer = await stand.client.get(f"/v1/changes?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_head_of_a_feed_is_what_the_get_would_be_without_its_body(small: Platform) -> None:
    await small.hire("seller")
    for path, kind in (("/v1/changes", "application/json"), ("/v1/stream", "text/event-stream")):
        head = await small.call("seller", "HEAD", path)
        assert (head.status_code, head.headers["content-type"], head.content) == (200, kind, b"")


async def test_without_a_token_of_the_issuer_there_is_nothing(stand: Standing) -> None:
    for path in ("/v1/changes", "/v1/stream"):
        assert (await stand.client.get(path, headers={"Authorization": "Bearer x"})).status_code == 401
        refused = await stand.client.post(path)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert (await stand.client.get(path + "/x")).status_code == 404


async def test_what_is_no_page_is_missing(stand: Standing) -> None:
    good = b'{"items":[{"a":"],\\"next\\":\\"x\\""}],"next":"abc","more":false}'
    stand.contacts.answers(200, good)
    stand.opportunities.answers(200, b'{"items":[]}')
    stand.activities.answers(500)
    page = (await stand.client.get("/v1/changes?since=a.b.c")).json()
    assert page["items"] == [{"a": '],"next":"x"'}]
    assert page["next"] == "abc.b.c"
    assert [each["part"] for each in page["missing"]] == ["opportunities", "activities"]
