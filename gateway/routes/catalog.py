"""`GET /v1/catalog`: what everything is called, of all services, joined into one answer.

A service's part is the same for every caller and as long as the service runs, so it is kept here and only asked after:
the service answers 304 as long as it has not changed. What is joined is kept as well. A part outlives its service.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.routes.door import Passed, not_allowed
from gateway.routes.forward import asking, back
from gateway.routes.parts import SAYS_NO, lines_of
from gateway.upstreams import SERVICES, Answer, Upstreams
from gateway.views.catalog import joined
from services.kit.clients import Trouble
from services.kit.conditional import CACHING, etag_of, has
from services.kit.languages import Language, language_of, spoken_in
from services.kit.problems import SOON, Unavailable

PATH = "/v1/catalog"
# A service that is asked for the first time makes its part first.
PART_SECONDS = 5.0


@dataclass(frozen=True)
class _Part:
    """A service's part in one language, as it was last answered."""

    tag: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class _Whole:
    """What was made of parts, known by what they were."""

    made_of: tuple[object, ...]
    tag: str
    body: bytes


class Catalog:
    """Asks every service after its part, within a time budget, and joins what is there."""

    def __init__(self, upstreams: Upstreams, *, part_seconds: float = PART_SECONDS) -> None:
        self._upstreams, self._seconds = upstreams, part_seconds
        self._parts: dict[tuple[str, Language], _Part] = {}
        self._wholes: dict[Language, _Whole] = {}

    async def __call__(self, passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        """One request that the door let in. Raises Unavailable when no part is there."""
        if scope["method"] not in ("GET", "HEAD"):
            raise not_allowed(("GET", "HEAD"))
        language = language_of(scope)
        asked = (self._ask(service, passed.target, scope, language) for service in SERVICES)
        answers = dict(zip(SERVICES, await asyncio.gather(*asked), strict=True))
        refusal = next((a for a in answers.values() if isinstance(a, Answer) and a.status in SAYS_NO), None)
        response = _as_it_came(refusal) if refusal else self._answer(scope, language, answers)
        await response(scope, receive, send)

    async def _ask(
        self, service: str, target: str, scope: Scope, language: Language
    ) -> Answer | Trouble | _Part:
        known = self._parts.get((service, language))
        headers = [
            # As few parts are kept as there are languages, however they are asked for.
            *(each for each in asking(scope) if each[0] != "accept-language"),
            ("accept-language", language),
            *([("if-none-match", known.tag)] if known else []),
        ]
        answer = await self._upstreams.ask(service, target, headers, seconds=self._seconds)
        if isinstance(answer, str):
            return known or answer
        if answer.status in SAYS_NO:
            return answer
        if answer.status == 200 and (part := _part(answer)):
            self._parts[service, language] = part
            return part
        return known or "error"

    def _answer(
        self, scope: Scope, language: Language, answers: Mapping[str, Answer | Trouble | _Part]
    ) -> Response:
        parts = {name: part for name, part in answers.items() if isinstance(part, _Part)}
        missing = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        if not parts:
            raise Unavailable("upstream_unreachable", "No service answers; try again.", headers=SOON)
        whole = self._joined(language, parts, missing)
        headers = {"ETag": whole.tag, "Cache-Control": CACHING, **spoken_in(language)}
        if has(lines_of(scope, b"if-none-match"), whole.tag):
            return Response(status_code=304, headers=headers)
        return Response(whole.body, media_type="application/json", headers=headers)

    def _joined(self, language: Language, parts: Mapping[str, _Part], missing: Mapping[str, str]) -> _Whole:
        made_of = (*((name, part.tag) for name, part in parts.items()), *missing.items())
        kept = self._wholes.get(language)
        if kept is None or kept.made_of != made_of:
            body = joined([part.content for part in parts.values()], missing)
            kept = self._wholes[language] = _Whole(made_of, etag_of(body), body)
        return kept


def _part(answer: Answer) -> _Part | None:
    try:
        content: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(content, dict):
        return None
    tags = (value.decode("latin-1") for name, value in answer.headers if name.lower() == b"etag")
    return _Part(next(tags, etag_of(answer.body)), cast("dict[str, Any]", content))


def _as_it_came(answer: Answer) -> Response:
    response = Response(answer.body, status_code=answer.status)
    response.raw_headers = back(answer.headers)
    return response
