"""A client that keeps a copy of all that its user sees, as an app on a phone would.

It takes a token, reads all lists, and follows: by asking for changes, or by listening to the stream. Whatever happens
meanwhile to the client, the connection or a service, a later `sync` goes on from where the store is.
"""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import httpx

from tests.syncing.store import AT_ACCOUNT, PARTS, Debt, Store

LISTS: Final = ("members", "accounts", "contacts", "products", "opportunities", "activities", "time-logs")

_PATHS: Final = {"contact-links": "links", "stakeholders": "stakeholders"}
_GONE: Final = 410
_MISSING: Final = (403, 404)  # Not there, or no longer for us.


class Away(Exception):
    """The gateway, or a service behind it, gives no good answer at this moment: sync again later."""


class Gone(Exception):
    """The token is worth nothing any more: everything is to be read afresh."""


class Gateway:
    """Reads what the user sees. `http` speaks to the gateway with the user's token."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, **query: str | int) -> Any | None:
        """The JSON of an answer; None where there is nothing for us. Raises Away and Gone."""
        try:
            answer = await self._http.get(path, params=query)
        except httpx.TransportError as error:
            raise Away(path) from error
        if answer.status_code in _MISSING:
            return None
        if answer.status_code == _GONE:
            raise Gone(answer.json()["code"])
        if not answer.is_success:
            raise Away(f"{path} {answer.status_code}")
        return answer.json()

    async def all(self, path: str, **query: str | int) -> list[Any]:
        """Every row of a list."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while page := await self.get(path, limit=200, **query, **cursor):
            items += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        return items

    async def parts(self, noun: str, id: str) -> list[Any]:
        """The parts of a row."""
        return await self.all(f"/v1/{noun}/{id}/{_PATHS[PARTS[noun]]}")

    async def with_parts(self, noun: str, **query: str) -> dict[str, list[Any]]:
        """The rows of a list, and their parts, by noun."""
        found = {noun: await self.all(f"/v1/{noun}", **query)}
        if noun in PARTS:
            found[PARTS[noun]] = [part for row in found[noun] for part in await self.parts(noun, row["id"])]
        return found

    async def everything(self) -> dict[str, list[Any]]:
        """All that the user sees, by noun."""
        found: dict[str, list[Any]] = {}
        for noun in LISTS:
            found |= await self.with_parts(noun)
        return found

    async def at_account(self, service: str, account: str) -> dict[str, list[Any]]:
        """What a service shows at an account, by noun."""
        found = await self.with_parts(AT_ACCOUNT[service], account_id=account)
        if service == "contacts":
            row = await self.get(f"/v1/accounts/{account}")
            found["accounts"] = [row] if row else []
        return found

    async def stream(self, token: str) -> AsyncIterator[tuple[str, Any, str]]:
        """Event, its JSON and the token after it, as they come. Raises Away and Gone."""
        try:
            async with self._http.stream("GET", "/v1/stream", headers={"Last-Event-ID": token}) as answer:
                if answer.status_code == _GONE:
                    raise Gone("stream")
                if not answer.is_success:
                    raise Away("stream")
                told: dict[str, str] = {}
                async for line in answer.aiter_lines():
                    name, _, value = line.partition(": ")
                    if line:
                        told[name] = value
                    elif "data" in told:
                        yield told["event"], json.loads(told["data"]), told["id"]
                        told = {}
        except httpx.TransportError as error:
            raise Away("stream") from error


class Client:
    """Keeps the store level with the gateway."""

    def __init__(self, gateway: Gateway, store: Store) -> None:
        self._gateway, self.store = gateway, store

    async def sync(self, *, limit: int = 50) -> bool:
        """Follows to where there is no more; True where nothing is missing or owed. Raises Away."""
        while True:
            try:
                return await self._follow(limit)
            except Gone:
                await self._begin()

    async def listen(self) -> None:
        """Follows the stream until it ends, which it does now and then. Raises Away."""
        if self.store.token is None:
            await self._begin()
        await self._pay()
        assert self.store.token is not None
        try:
            async for event, told, token in self._gateway.stream(self.store.token):
                if event == "gone":
                    raise Gone(told["code"])
                self.store.follow(told["items"], token)
                await self._pay()
        except Gone:
            await self._begin()

    async def _begin(self) -> None:
        """The token comes first: what happens while the lists are read is told again afterwards."""
        token = await self._gateway.get("/v1/changes")
        if token is None:
            raise Away("a token")
        self.store.begin(await self._gateway.everything(), token["next"])

    async def _follow(self, limit: int) -> bool:
        if self.store.token is None:
            await self._begin()
        while True:
            await self._pay()
            assert self.store.token is not None
            page = await self._gateway.get("/v1/changes", since=self.store.token, limit=limit)
            assert page is not None
            self.store.follow(page["items"], page["next"])
            if not page["more"]:
                await self._pay()
                return page["missing"] == [] and not self.store.debts

    async def _pay(self) -> None:
        """Reads again what is owed; what a service owes that is away, remains."""
        for debt in self.store.debts:
            with suppress(Away):
                await self._settle(debt)

    async def _settle(self, debt: Debt) -> None:
        if debt.noun is None:
            self.store.settle_account(debt, await self._gateway.at_account(debt.kind, debt.id))
        else:
            self.store.settle_parts(debt, await self._gateway.parts(debt.noun, debt.id))
