"""Sends the demo's requests to the public API: a few at a time, each as soon as what it refers to is known.

Answers of an earlier run are not asked for again. What a service has not heard of yet, because the event that
tells it is still under way, is asked again for a while.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from deploy.local.demo.progress import Progress
from deploy.local.demo.request import Ref, Request, filled, needed
from deploy.local.problems import StackProblem
from services.kit.clients import AsyncClient, HTTPError

AT_ONCE = 8
PATIENCE = 60.0
"""Seconds for which an answer that may change is asked for again."""

_LONGEST_PAUSE = 2.0
_TROUBLE = frozenset({429, 502, 503, 504})
_NOT_YET = frozenset({"unknown", "not_found", "not_a_member", "request_running"})

Tell = Callable[[int, str], None]


class Refused(StackProblem):
    """The API would not take a request of the demo."""


class Sender:
    """Sends requests at a gateway; `known` holds the ids of what was there before."""

    def __init__(
        self,
        client: AsyncClient,
        tokens: "Tokens",
        progress: Progress,
        known: Mapping[Ref, str],
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._progress = progress
        self._patience = patience
        self._ids = dict(known)
        self._made: dict[str, asyncio.Future[str]] = {}
        self._sent = 0

    async def send(self, requests: Sequence[Request], tell: Tell) -> None:
        """Send every request not yet answered; `tell(done, what)` after each. Raises Refused."""
        loop = asyncio.get_running_loop()
        self._made = {each.makes: loop.create_future() for each in requests if each.makes}
        queue = self._left(requests)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._work(queue, tell))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    def _left(self, requests: Iterable[Request]) -> Iterator[Request]:
        """The requests to send, in order; those answered before are only made known."""
        for each in requests:
            if each.key in self._progress.answered:
                self._know(each, self._progress.answered[each.key])
            else:
                yield each

    async def _work(self, queue: Iterator[Request], tell: Tell) -> None:
        # Each worker waits only for requests before its own, and those have been taken by then: no deadlock.
        for request in queue:
            ids = {ref: await self._id(ref) for ref in needed(request)}
            made = await self._ask(request, ids)
            self._progress.note(request.key, made)
            self._know(request, made)
            tell(len(self._progress.answered), request.what)

    def _know(self, request: Request, made: str) -> None:
        if request.makes:
            self._made[request.makes].set_result(made)

    async def _id(self, ref: Ref) -> str:
        if ref.kind == "made":
            return await self._made[ref.name]
        if ref not in self._ids:
            raise StackProblem(
                f"The demo speaks of {ref.kind} {ref.name}, which is not in the imported files."
            )
        return self._ids[ref]

    async def _ask(self, request: Request, ids: Mapping[Ref, str]) -> str:
        """The id of what the request made, "" where it makes nothing that has one."""
        path = request.path.format(ids[request.of]) if request.of else request.path
        body = filled(request.body, ids)
        deadline = asyncio.get_running_loop().time() + self._patience
        pause = 0.1
        while True:
            status, answer = await self._once(request, path, body)
            if status < 400:
                return str(answer.get("id", ""))
            if not _may_change(status, answer) or asyncio.get_running_loop().time() > deadline:
                raise Refused(f"{request.method} {path} → {status} {_said(answer)} (demo: {request.what})")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self, request: Request, path: str, body: object) -> tuple[int, dict[str, Any]]:
        headers = {
            "Authorization": f"Bearer {await self._tokens.of(request.asker)}",
            "Idempotency-Key": request.key,
        }
        if request.method != "POST":
            headers["If-Match"] = "*"
        try:
            answer = await self._client.request(request.method, path, json=body, headers=headers)
            return answer.status_code, answer.json()
        except (HTTPError, ValueError) as error:
            return 503, {"detail": str(error) or type(error).__name__}


class Tokens:
    """Bearer tokens of the development issuer, one a person, good for longer than the demo takes to load."""

    def __init__(self, client: AsyncClient, issuer: str) -> None:
        self._client = client
        self._issuer = issuer
        self._asked: dict[str, asyncio.Task[str]] = {}

    async def of(self, email: str) -> str:
        """The person's token. Raises StackProblem where the issuer gives none."""
        if email not in self._asked:
            self._asked[email] = asyncio.create_task(self._fetch(email))
        return await self._asked[email]

    async def _fetch(self, email: str) -> str:
        form = {"grant_type": "development", "email": email}
        try:
            answer = await self._client.post(f"{self._issuer}/token", data=form)
            answer.raise_for_status()
        except HTTPError as error:
            raise StackProblem(f"The issuer at {self._issuer} gives no token for {email}: {error}") from error
        return str(answer.json()["access_token"])


def _may_change(status: int, answer: Mapping[str, Any]) -> bool:
    """Whether asking again may bring another answer: trouble, or a service that has not heard of it yet."""
    codes = {answer.get("code"), *(error.get("code") for error in answer.get("errors") or ())}
    return status in _TROUBLE or bool(codes & _NOT_YET)


def _said(answer: Mapping[str, Any]) -> str:
    fields = [f"{error.get('field')}: {error.get('message')}" for error in answer.get("errors") or ()]
    return " ".join([str(answer.get("detail") or answer.get("title") or ""), *fields])
