"""Sends hostile requests to a gateway, some at a time, and counts what they are answered."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fuzz.judging import Verdict
from tests.fuzz.tricks import Tricks
from tests.fuzz.wire import Hostile, send

AT_ONCE = 16
OFFENDERS = 20
SECRET = "Quondam"
"""A word in every row that the caller may not see."""


@dataclass
class Outcome:
    """What came of a run: answers by trick and status, and the first offenders in words."""

    answers: Counter[tuple[str, int | None]] = field(default_factory=Counter[tuple[str, int | None]])
    offenders: list[str] = field(default_factory=list[str])

    def note(self, request: Hostile, status: int | None, wrong: str | None) -> None:
        """Counts an answer, and remembers it where something is wrong with it."""
        self.answers[request.kind, status] += 1
        if wrong is not None:
            told = f"{request.method} {request.target[:200]!r} {request.body[:300]!r} {list(request.headers)[2:4]!r}"
            self.offenders.append(f"{request.kind}: {wrong}: {told[:900]}")


async def attack(port: int, tricks: Tricks, verdict: Verdict, count: int) -> Outcome:
    """Sends `count` requests to the gateway on the port."""
    outcome, left = Outcome(), iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            request = tricks.request()
            try:
                answer = await send(port, request)
            except TimeoutError:
                outcome.note(request, None, "was never answered")
            else:
                outcome.note(request, answer.status, verdict.wrong(request, answer))
            if len(outcome.offenders) >= OFFENDERS:
                return

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return outcome


def prepared(gateway: str, owner: str, stranger: str, seed: int) -> tuple[Tricks, Verdict]:
    """Tricks of a stranger after rows that the owner has just made; both are given by their tokens."""
    with httpx.Client(base_url=gateway, trust_env=False, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {owner}"
        account = _made(client, "/v1/accounts", {"name": f"{SECRET} Works"})
        contact = _made(client, "/v1/contacts", {"account_id": account, "name": f"{SECRET} Person"})
        deal = _made(client, "/v1/opportunities", {"account_id": account, "name": f"{SECRET} Deal"})
        pages = [
            client.get(f"/v1/{noun}?limit=1").json() for noun in ("accounts", "contacts", "opportunities")
        ]
        cursors = [page["next_cursor"] for page in pages if page["next_cursor"]]
        document = _whole_document(client)
    chance = random.Random(seed)  # noqa: S311  # picks requests, guards nothing
    return Tricks(document, stranger, (account, contact, deal), cursors, chance), Verdict((SECRET.encode(),))


def _whole_document(client: httpx.Client) -> Mapping[str, Any]:
    """The gateway's document once every service has told it its own."""
    for _ in range(20):
        document = client.get("/openapi.json").json()
        if "x-missing" not in document:
            return document
        time.sleep(2)
    raise TimeoutError("a service does not tell its operations")


def _made(client: httpx.Client, path: str, body: Mapping[str, Any]) -> str:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]
