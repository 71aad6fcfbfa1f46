"""The services' feeds of changes, asked on behalf of callers: how one is asked, and who waits for news."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from gateway.upstreams import SERVICES, Answer, Upstreams
from gateway.views.changes import Page, page_of
from gateway.views.parts import Missing, Reason
from gateway.watch import AWAY, Watch

ASK_SECONDS: Final = 5.0

AT_ONCE: Final = 24
"""Requests of all callers that are under way at the most: news for many reaches them one after the other."""

Headers = list[tuple[str, str]]


class Refused(Exception):  # not an error: an answer
    """A service refuses, and its answer is the caller's."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True)
class Reading:
    """How far a caller has read: their headers, the services' tokens, and where each stood when it was last asked."""

    headers: Headers
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    seen: dict[str, int] = field(default_factory=dict[str, int])


class Feeds:
    """Asks services for what is new to a caller."""

    def __init__(self, upstreams: Upstreams, watch: Watch, *, seconds: float = ASK_SECONDS) -> None:
        self._upstreams, self._watch, self._seconds = upstreams, watch, seconds
        self._room = asyncio.Semaphore(AT_ONCE)

    def due(self, reading: Reading) -> list[str]:
        """The services that stand elsewhere than when they were last asked for the caller."""
        standing = self._watch.standing
        return [each for each in SERVICES if standing[each] not in (AWAY, reading.seen.get(each))]

    async def read(
        self, reading: Reading, services: Collection[str], limit: int
    ) -> tuple[dict[str, Page], list[Missing]]:
        """Asks the services at once, and moves the caller's tokens on. Raises Refused."""
        asked = [self._ask(reading, service, limit) for service in services]
        answers = dict(zip(services, await asyncio.gather(*asked), strict=True))
        refusal = next((each for each in answers.values() if isinstance(each, Answer)), None)
        if refusal is not None:
            raise Refused(refusal)
        pages = {service: each for service, each in answers.items() if isinstance(each, Page)}
        reading.tokens |= {service: page.token for service, page in pages.items()}
        missing = [Missing(service, each) for service, each in answers.items() if isinstance(each, str)]
        return pages, missing

    async def _ask(self, reading: Reading, service: str, limit: int) -> Page | Answer | Reason:
        stood = self._watch.standing[service]
        token = reading.tokens.get(service)
        target = f"/v1/changes?limit={limit}" + (f"&since={token}" if token else "")
        async with self._room:
            answer = await self._upstreams.ask(service, target, reading.headers, seconds=self._seconds)
        if isinstance(answer, Answer) and 400 <= answer.status < 500 and answer.status not in _PASSING:
            return answer
        page = page_of(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
        if page is None:
            self._watch.lost(service)
            reading.seen.pop(service, None)
            return "error" if isinstance(answer, Answer) else answer
        if not page.more:
            reading.seen[service] = stood
        return page


# Whatever is too many or too slow at this moment is asked for again.
_PASSING = frozenset((404, 408, 429))
