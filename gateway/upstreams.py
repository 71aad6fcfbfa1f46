"""The services behind the gateway: who owns which noun, and how one of them is called.

Paths are the same here and there, so forwarding is a table.
"""

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Self

from services.kit.clients import (
    TROUBLES,
    ClientResponse,
    ClientSession,
    Trouble,
    Waits,
    call,
    open_session,
    trouble_of,
)
from services.kit.settings import Settings

OWNERS: Mapping[str, Sequence[str]] = {
    "contacts": ("me", "members", "accounts", "contacts"),
    "opportunities": ("opportunities", "products", "relationship"),
    "activities": ("activities", "time-logs"),
}
SERVICES = tuple(OWNERS)
JOINED: Mapping[str, str] = {"/v1/catalog": "contacts"}
"""Paths that every service serves a part of, each with the service whose description stands for all of them."""
OWNER_OF: Mapping[str, str] = {noun: service for service, nouns in OWNERS.items() for noun in nouns}


@dataclass(frozen=True)
class Answer:
    """A service's whole answer."""

    status: int
    media_type: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Upstreams:
    """Calls services over connections that are made as they are needed, and kept. Use it as a context."""

    def __init__(self, settings: Settings, *, session: Callable[[], ClientSession] = open_session) -> None:
        self._bases = {
            "contacts": settings.contacts_url.rstrip("/"),
            "opportunities": settings.opportunities_url.rstrip("/"),
            "activities": settings.activities_url.rstrip("/"),
        }
        self._open_session = session
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = self._open_session()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    def call(
        self,
        service: str,
        method: str,
        target: str,
        *,
        headers: list[tuple[str, str]],
        body: bytes | AsyncIterable[bytes] | None = None,
        waits: Waits,
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """The service's answer as a context, its body still to be read. Raises `clients.TROUBLES`.

        `target` is a path and query as they came; whoever calls has judged them.
        """
        assert self._session is not None, "wants to be entered first"
        url = self._bases[service] + target
        return call(self._session, method, url, headers=headers, body=body, waits=waits)

    async def ask(
        self, service: str, target: str, headers: list[tuple[str, str]], *, seconds: float
    ) -> Answer | Trouble:
        """The service's whole answer to a GET, or what kept it from answering within `seconds`."""
        waits = Waits(total=seconds, sock_connect=seconds / 2)
        try:
            async with self.call(service, "GET", target, headers=headers, waits=waits) as answer:
                return Answer(answer.status, answer.content_type, answer.raw_headers, await answer.read())
        except TROUBLES as error:
            return trouble_of(error)
