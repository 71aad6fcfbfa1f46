"""How long it takes until a change of sight is seen in the lists of all three services, and heard on the stream.

Two people take turns in seeing an account, with a deal and a visit there that are somebody else's: as managers of its
owner, as its owners, as members of its team. Each change gives all of it to one of them and takes it from the other.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from deploy.local.stack import SERVICES, Stack
from tests.bench.load import Connection, Headers, Measured, Request, bearer
from tests.bench.stream import in_time, listen
from tests.gateway.cost import token

CHANGES: Final = 51

PATIENCE: Final = 10.0
"""Seconds after which what is not seen or heard counts as never so."""

NEVER: Final = 0
"""The status of what is not."""

BETWEEN: Final = 0.025
"""Seconds between two looks at a list: looking is no load."""

EVENT: Final = 2**20
"""Bytes of an event on the stream, at the most."""

SIGHT: Final = ("granted", "revoked")
Sent: TypeAlias = tuple[str, Mapping[str, Any]]
KINDS: Final[Mapping[str, Callable[[str, str, str], Sent]]] = {
    "manager": lambda _, owner, who: (f"/v1/members/{owner}", {"manager_id": who}),
    "owner": lambda account, _, who: (f"/v1/accounts/{account}", {"owner_id": who}),
    "team": lambda account, _, who: (f"/v1/accounts/{account}", {"team": [_seat(who)]}),
}
"""The change that lets somebody see an account, of it or of its owner: where it is sent, and what."""


def _seat(who: str) -> Mapping[str, str]:
    return {"member_id": who, "function": "SALES"}


LISTS: Final = tuple(f"/v1/{noun}" for noun in ("accounts", "opportunities", "activities"))


@dataclass(frozen=True)
class Person:
    """Somebody who gains and loses: their id, their token, and a connection for each list that they look at."""

    id: str
    token: str
    looks: Mapping[str, Connection]

    async def sees(self, rows: Mapping[str, str], shown: bool) -> bool:
        """Looks at each list until it shows its row, or hides it: whether all do so in time."""
        return all(await asyncio.gather(*(self._look(path, row, shown) for path, row in rows.items())))

    async def _look(self, path: str, row: str, shown: bool) -> bool:
        request = Request("GET", f"{path}?fields=id", bearer(self.token))
        until = time.perf_counter() + PATIENCE
        while time.perf_counter() < until:
            status, body = await self.looks[path].send(request)
            if status == 200 and (row.encode() in body) is shown:
                return True
            await asyncio.sleep(BETWEEN)
        return False


@dataclass
class Turns:
    """Rows by their lists, two people who take turns in seeing them, and the change that gives them to one."""

    rows: Mapping[str, str]
    people: tuple[Person, Person]
    give: Callable[[str], Sent]

    async def seen(self, gains: Person, loses: Person) -> bool:
        """Whether in time every list shows the rows to the one, and hides them from the other."""
        return all(await asyncio.gather(gains.sees(self.rows, True), loses.sees(self.rows, False)))

    async def heard(self, ears: Iterable[asyncio.StreamReader]) -> bool:
        """Whether in time all who listen have heard of it."""
        told = (in_time(_told(reader, self.rows["/v1/accounts"]), PATIENCE) for reader in ears)
        return None not in await asyncio.gather(*told)


async def _told(reader: asyncio.StreamReader, account: str) -> bool:
    """Reads until each service has said who sees the account, or one that all is to be read afresh. Raises EOFError."""
    told: set[str] = set()
    while told != set(SERVICES):
        line = await reader.readuntil(b"\n")
        if line.startswith(b"event: gone"):
            return True
        if line.startswith(b"data: "):
            items = json.loads(line.removeprefix(b"data: "))["items"]
            told |= {each["service"] for each in items if each["id"] == account and each["type"] in SIGHT}
    return True


class Sights:
    """Changes of sight on a running stack. `prepare` comes first."""

    def __init__(self, stack: Stack, headers: Headers) -> None:
        self._issuer, self._port = stack.url("issuer"), stack.port("gateway")
        self._admin, self._headers = self._connection(), (*headers, ("If-Match", "*"))
        self._people = 0
        self._run = time.time_ns()
        self._turns: list[Turns] = []

    async def prepare(self) -> None:
        """Makes the people and what they take turns in seeing; it is the second's turn of each two."""
        keeper = await self._person()
        for give in KINDS.values():
            turns = await self._take_turns(give, keeper.id)
            await self._send(*turns.give(turns.people[1].id), method="PATCH")
            self._turns.append(turns)

    async def measure(self, changes: int = CHANGES) -> tuple[Measured, Measured]:
        """From the answer to a change until both people's lists follow, and until both have heard; one at a time."""
        seen, heard = Measured(), Measured()
        for number in range(changes):
            await self._change(self._turns[number % len(self._turns)], seen, heard)
            await asyncio.sleep(BETWEEN)
        for measured in (seen, heard):
            measured.seconds = sum(measured.latencies)
        return seen, heard

    async def _change(self, turns: Turns, seen: Measured, heard: Measured) -> None:
        gains, loses = turns.people
        before = await turns.seen(loses, gains)
        ears = [await listen(self._port, each.token, limit=EVENT) for each in turns.people]
        status, _ = await self._ask(*turns.give(gains.id), method="PATCH")
        status = status if before else NEVER
        hears = turns.heard(reader for reader, _ in ears)
        await asyncio.gather(
            _note(seen, status, turns.seen(gains, loses)),
            _note(heard, status, hears),
        )
        turns.people = loses, gains
        for _, writer in ears:
            writer.close()

    async def _take_turns(self, give: Callable[[str, str, str], Sent], keeper: str) -> Turns:
        owner, *people = [await self._person() for _ in range(3)]
        account = await self._send("/v1/accounts", {"name": f"Sight {self._run}", "owner_id": owner.id})
        there = {"account_id": account, "owner_id": keeper}
        visit = {"type": "VISIT", "subject": "A visit", "planned_start_at": "2030-01-01T08:00:00Z"}
        rows = {
            "/v1/accounts": account,
            "/v1/opportunities": await self._send("/v1/opportunities", {"name": "A deal", **there}),
            "/v1/activities": await self._send("/v1/activities", {**visit, **there}),
        }
        return Turns(rows, (people[0], people[1]), lambda who: give(account, owner.id, who))

    async def _person(self) -> Person:
        self._people += 1
        email = f"sight.{self._run}.{self._people}@example.com"
        member = await self._send("/v1/members", {"name": f"Person {self._people}", "email": email})
        looks = {path: self._connection() for path in LISTS}
        return Person(member, token(self._issuer, email), looks)

    async def _send(self, path: str, body: Mapping[str, Any], *, method: str = "POST") -> str:
        """The id of the row that is made or changed."""
        status, answer = await self._ask(path, body, method=method)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {answer.decode()}")
        return str(json.loads(answer)["id"])

    async def _ask(self, path: str, body: Mapping[str, Any], *, method: str) -> tuple[int, bytes]:
        return await self._admin.send(Request(method, path, self._headers, json.dumps(body).encode()))

    def _connection(self) -> Connection:
        return Connection("127.0.0.1", self._port)


async def _note(measured: Measured, status: int, work: Awaitable[bool]) -> None:
    """Measures how long it takes until it is done, as an answer of that status if it is done in time."""
    began = time.perf_counter()
    done = await work
    measured.latencies.append(time.perf_counter() - began)
    status = status if done else NEVER
    measured.statuses[status] = measured.statuses.get(status, 0) + 1
