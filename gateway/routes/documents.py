"""`/openapi.json` and `/docs`: one document for the whole platform, shown without the network."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from gateway.feeds import Headers
from gateway.routes.forward import asking
from gateway.upstreams import SERVICES, Answer, Upstreams
from gateway.views.openapi import SOME_ISSUER, merged

FETCH_SECONDS = 3.0
# Seconds for which a service's document is taken as it is, and after which one that was not there is asked for again.
FRESH_FOR = 60.0
RETRY_AFTER = 2.0

STATIC = "/docs/static"


@dataclass(frozen=True)
class _Fetched:
    document: Mapping[str, Any] | None
    until: float


class Documents:
    """The services' OpenAPI documents, fetched when first asked for, and the one made of them.

    A document outlives its service: what was fetched once is shown until it can be fetched again.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        own: Mapping[str, Any],
        *,
        issuer: str = SOME_ISSUER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstreams, self._own, self._issuer, self._clock = upstreams, own, issuer, clock
        self._fetched: dict[str, _Fetched] = {}
        self._whole: tuple[list[Mapping[str, Any] | None], bytes] | None = None

    async def document(self, headers: Headers) -> bytes:
        """The merged document as JSON bytes; services that did not answer are listed under `x-missing`.

        `headers` go with what has to be fetched for it.
        """
        await asyncio.gather(*(self._refresh(service, headers) for service in SERVICES))
        found = [self._fetched[service].document for service in SERVICES]
        if self._whole is None or any(
            one is not other for one, other in zip(self._whole[0], found, strict=True)
        ):
            self._whole = found, self._made_of(found)
        return self._whole[1]

    def _made_of(self, found: Sequence[Mapping[str, Any] | None]) -> bytes:
        named = dict(zip(SERVICES, found, strict=True))
        there = {service: document for service, document in named.items() if document is not None}
        whole = merged(self._own, there, issuer=self._issuer)
        missing = [service for service, document in named.items() if document is None]
        return orjson.dumps({**whole, "x-missing": missing} if missing else whole)

    async def _refresh(self, service: str, headers: Headers) -> None:
        known = self._fetched.get(service)
        if known is not None and known.until > self._clock():
            return
        answer = await self._upstreams.ask(service, "/openapi.json", headers, seconds=FETCH_SECONDS)
        document = _document(answer) if isinstance(answer, Answer) else None
        stale = known.document if known is not None else None
        until = self._clock() + (RETRY_AFTER if document is None else FRESH_FOR)
        self._fetched[service] = _Fetched(document or stale, until)


def _document(answer: Answer) -> Mapping[str, Any] | None:
    if answer.status != 200:
        return None
    try:
        document: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return cast("Mapping[str, Any]", document) if isinstance(document, dict) and "paths" in document else None


def install_documents(app: FastAPI, upstreams: Upstreams, *, issuer: str) -> None:
    """Adds the document and its page to the app, whose own operations it includes; `issuer` is who gives tokens."""
    documents = Documents(upstreams, app.openapi(), issuer=issuer)
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(await documents.document(asking(request.scope)), media_type="application/json")

    @router.get("/docs")
    async def docs() -> HTMLResponse:  # pyright: ignore[reportUnusedFunction]
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{STATIC}/favicon.png",
            swagger_ui_parameters={"persistAuthorization": True, "docExpansion": "none"},
        )

    app.include_router(router)
    app.mount(STATIC, StaticFiles(directory=str(files("fastapi_offline") / "static")))
