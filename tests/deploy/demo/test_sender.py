"""The sender asks each request once, in the order of what it refers to, and again only where that can help."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from deploy.local.demo.progress import Progress
from deploy.local.demo.request import Ref, Request
from deploy.local.demo.sender import Refused, Sender, Tokens
from services.kit.clients import open_client

Answer = Callable[[httpx.Request], httpx.Response]


class Api(httpx.AsyncBaseTransport):
    """A gateway and an issuer that keep what they were asked; `answers` come first, then everything is made."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._answers: Iterator[httpx.Response] = iter(answers)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "token-of-somebody"})
        self.asked.append(request)
        await asyncio.sleep(0)
        return next(self._answers, None) or httpx.Response(201, json={"id": f"id-{len(self.asked)}"})

    def keys(self) -> list[str]:
        return [each.headers["Idempotency-Key"] for each in self.asked]


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "so it is", "errors": []})


async def sent(api: Api, home: Path, requests: list[Request], *, patience: float = 5.0) -> Progress:
    progress = Progress.read(home) or Progress.begin(home, 20, date(2026, 11, 22))
    async with open_client(transport=api) as client:
        client.base_url = "http://gateway.test"
        known = {Ref("account", "Acme"): "id-acme"}
        sender = Sender(client, Tokens(client, "http://issuer.test"), progress, known, patience=patience)
        try:
            await sender.send(requests, unheard)
        finally:
            progress.close()
    return progress


def unheard(done: int, what: str) -> None:
    """Nobody looks at the progress."""


PERSON = Request(
    "people",
    "a@example.com",
    "POST",
    "/v1/contacts",
    {"account_id": Ref("account", "Acme"), "name": "李华"},
    makes="person",
    key="key-1",
)
LINK = Request(
    "links", "a@example.com", "POST", "/v1/contacts/{}/links", {}, of=Ref("made", "person"), key="key-2"
)


async def test_references_are_filled_with_ids(tmp_path: Path) -> None:
    api = Api()
    await sent(api, tmp_path, [PERSON, LINK])
    first, second = api.asked
    assert json.loads(first.content) == {"account_id": "id-acme", "name": "李华"}
    assert second.url.path == "/v1/contacts/id-1/links"
    assert first.headers["Authorization"] == "Bearer token-of-somebody"


async def test_request_waits_for_what_it_comes_after(tmp_path: Path) -> None:
    many = [
        PERSON,
        *(Request("x", "a@example.com", "POST", "/v1/x", {}, key=f"k{n}") for n in range(20)),
    ]
    last = Request("moves", "a@example.com", "POST", "/v1/y", {}, after="person", key="last")
    api = Api()
    await sent(api, tmp_path, [*many, last])
    assert api.keys()[-1] == "last"


async def test_killed_run_goes_on_without_asking_again(tmp_path: Path) -> None:
    broken = Api(httpx.Response(201, json={"id": "id-person"}), problem(422, "field_invalid"))
    with pytest.raises(Refused):
        await sent(broken, tmp_path, [PERSON, LINK])
    api = Api()
    progress = await sent(api, tmp_path, [PERSON, LINK])
    assert [each.url.path for each in api.asked] == ["/v1/contacts/id-person/links"]
    assert progress.answered == {"key-1": "id-person", "key-2": "id-1"}


@pytest.mark.parametrize(
    "answer",
    [
        problem(503, "upstream_unreachable"),
        problem(404, "not_found"),
        problem(403, "not_a_member"),
        problem(409, "request_running"),
        httpx.Response(422, json={"code": "invalid", "errors": [{"field": "account_id", "code": "unknown"}]}),
        httpx.Response(502, text="no JSON"),
    ],
)
async def test_what_may_change_is_asked_again_under_the_same_key(
    tmp_path: Path, answer: httpx.Response
) -> None:
    api = Api(answer)
    await sent(api, tmp_path, [PERSON])
    assert api.keys() == ["key-1", "key-1"]


async def test_refusal_is_told_and_not_asked_again(tmp_path: Path) -> None:
    api = Api(problem(422, "field_invalid"))
    with pytest.raises(Refused, match=r"POST /v1/contacts → 422 so it is \(demo: people\)"):
        await sent(api, tmp_path, [PERSON])
    assert len(api.asked) == 1


async def test_patience_ends(tmp_path: Path) -> None:
    api = Api(*(problem(404, "not_found") for _ in range(100)))
    with pytest.raises(Refused):
        await sent(api, tmp_path, [PERSON], patience=0.2)


async def test_writes_to_what_is_there_carry_if_match(tmp_path: Path) -> None:
    api = Api()
    patch = Request(
        "owners", "a@example.com", "PATCH", "/v1/accounts/{}", {}, of=Ref("account", "Acme"), key="key-3"
    )
    await sent(api, tmp_path, [patch])
    assert api.asked[0].headers["If-Match"] == "*"
