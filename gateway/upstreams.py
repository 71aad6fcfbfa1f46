"""The services behind the gateway: who owns which noun, and how one of them is called.

Paths are the same here and there, so forwarding is a table.
"""

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.kit import tracing
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
from services.kit.tracing import TRACE, Span, SpanKind
from services.kit.traffic import BUCKETS

OWNERS: Mapping[str, Sequence[str]] = {
    "contacts": ("me", "members", "accounts", "contacts"),
    "opportunities": ("opportunities", "products", "relationship"),
    "activities": ("activities", "time-logs"),
}
SERVICES = tuple(OWNERS)
JOINED: Mapping[str, str] = {"/v1/catalog": "contacts"}
"""Paths that every service serves a part of, each with the service whose description stands for all of them."""
# The words of their routes behind the noun; what is none is somebody's or made up, and is not written down.
WORDS = frozenset(
    ("by-external-id", "erasure", "evaluate", "history", "imports", "links", "lookup", "moves", "personal-data",
     "relationship", "report", "restoration", "stage", "stakeholders", "summary", "view")
)  # fmt: skip
MOST_SEGMENTS = 8
NOUNS = frozenset((*(noun for nouns in OWNERS.values() for noun in nouns), "catalog", "changes", "stream"))
OWNER_OF: Mapping[str, str] = {noun: service for service, nouns in OWNERS.items() for noun in nouns}


@dataclass(frozen=True)
class Answer:
    """A service's whole answer."""

    status: int
    media_type: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Calls:
    """The figures of calls to services: how long they took, body included, and what kept them from being answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        seconds = Histogram(
            "foothold_upstream_seconds",
            "Calls to a service, to the end of its answer.",
            ("upstream",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._seconds = {service: seconds.labels(service) for service in SERVICES}
        self._failures = Counter(
            "foothold_upstream_failures",
            "Calls that had no usable answer.",
            ("upstream", "reason"),
            registry=registry,
        )

    def ended(self, service: str, seconds: float) -> None:
        """A call has come to its end."""
        self._seconds[service].observe(seconds)

    def failed(self, service: str, trouble: Trouble) -> None:
        """A call had no usable answer."""
        self._failures.labels(service, trouble).inc()


class _Call(AbstractAsyncContextManager[ClientResponse]):
    """A call as a context: watched, and traced, until its answer has been read. It is `asked` within its span."""

    __slots__ = ("_answered", "_asked", "_begun", "_calls", "_service", "_span")

    def __init__(
        self,
        calls: Calls,
        service: str,
        span: AbstractContextManager[Span],
        asked: Callable[[], AbstractAsyncContextManager[ClientResponse]],
    ) -> None:
        self._calls, self._service, self._span, self._asked = calls, service, span, asked

    async def __aenter__(self) -> ClientResponse:
        self._begun = perf_counter()
        span = self._span.__enter__()
        try:
            self._answered = self._asked()
            answer = await self._answered.__aenter__()
        except BaseException as error:
            self._end(error)
            raise
        span.set_attribute("http.response.status_code", answer.status)
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._answered.__aexit__(kind, error, trace)
        except BaseException as late:
            self._end(late)
            raise
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        self._span.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        if isinstance(error, TROUBLES):
            self._calls.failed(self._service, trouble_of(error))
        self._calls.ended(self._service, perf_counter() - self._begun)


class Upstreams:
    """Calls services over connections that are made as they are needed, and kept. Use it as a context."""

    def __init__(
        self, settings: Settings, calls: Calls, *, session: Callable[[], ClientSession] = open_session
    ) -> None:
        self._bases = {
            "contacts": settings.contacts_url.rstrip("/"),
            "opportunities": settings.opportunities_url.rstrip("/"),
            "activities": settings.activities_url.rstrip("/"),
        }
        self._calls = calls
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
        session = self._session
        assert session is not None, "wants to be entered first"
        url = self._bases[service] + target

        def asked() -> AbstractAsyncContextManager[ClientResponse]:
            return call(session, method, url, headers=_carrying(headers), body=body, waits=waits)

        return _Call(self._calls, service, tracing.span(f"{method} {service}", SpanKind.CLIENT), asked)

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


def _carrying(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers with the trace of the present span in place of the one that came."""
    if not tracing.on():
        return headers
    return [*(each for each in headers if each[0] not in TRACE), *tracing.carried(None).items()]
