"""Sends hostile requests to a gateway, some at a time, and counts what they are answered."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fuzz.judging import Verdict
from tests.fuzz.tricks import Tricks
from tests.fuzz.wire import Answered, Hostile, send

AT_ONCE = 16
OFFENDERS = 20
SECRET = "Quondam"
"""A word in every row that the caller may not see."""

ENDS_WITHIN = 60.0
"""Seconds in which an import that was taken in comes to its end."""

_JOB = re.compile(rb"\r\nlocation: (/v1/[a-z-]+/imports/[0-9a-f-]{36})\r\n", re.IGNORECASE)


@dataclass
class Outcome:
    """What came of a run: answers by trick and status, imports that were taken in, the first offenders in words."""

    answers: Counter[tuple[str, int | None]] = field(default_factory=Counter[tuple[str, int | None]])
    imports: list[str] = field(default_factory=list[str])
    offenders: list[str] = field(default_factory=list[str])

    def note(self, request: Hostile, answer: Answered, wrong: str | None) -> None:
        """Counts an answer, and remembers it where something is wrong with it."""
        self.answers[request.kind, answer.status] += 1
        if answer.status == 202 and (found := _JOB.search(answer.head)):
            self.imports.append(found[1].decode())
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
                outcome.note(request, Answered(None), "was never answered")
            else:
                outcome.note(request, answer, verdict.wrong(request, answer))
            if len(outcome.offenders) >= OFFENDERS:
                return

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return outcome


def unended(gateway: str, importer: str, imports: Iterable[str]) -> list[str]:
    """Those of the imports that have not come to their end in time, each with its state."""
    until, left = time.monotonic() + ENDS_WITHIN, dict.fromkeys(imports, "")
    with _asking(gateway, importer) as client:
        while left and time.monotonic() < until:
            states = {path: client.get(path).raise_for_status().json()["state"] for path in left}
            left = {path: state for path, state in states.items() if state not in ("DONE", "FAILED")}
            time.sleep(0.2 if left else 0)
    return [f"{path} is {state}" for path, state in left.items()]


def prepared(gateway: str, owner: str, stranger: str, importer: str, seed: int) -> tuple[Tricks, Verdict]:
    """Tricks of a stranger after rows that the owner has just made; all are given by their tokens."""
    with _asking(gateway, owner) as client:
        feeds = [client.get("/v1/changes").raise_for_status().json()["next"]]
        account = _made(client, "/v1/accounts", {"name": f"{SECRET} Works"})
        contact = _made(client, "/v1/contacts", {"account_id": account, "name": f"{SECRET} Person"})
        deal = _made(client, "/v1/opportunities", {"account_id": account, "name": f"{SECRET} Deal"})
        pages = [
            client.get(f"/v1/{noun}?limit=1").json() for noun in ("accounts", "contacts", "opportunities")
        ]
        cursors = [page["next_cursor"] for page in pages if page["next_cursor"]]
        document = _whole_document(client)
    chance = random.Random(seed)  # noqa: S311  # picks requests, guards nothing
    tricks = Tricks(document, stranger, importer, (account, contact, deal), cursors, feeds, chance)
    return tricks, Verdict((SECRET.encode(),))


def _asking(gateway: str, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=gateway, headers=headers, trust_env=False, timeout=30)


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
