"""One request, one trace: gateway, service, journal, relay, Kafka, and the consumer of another service."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from gateway.main import create_gateway
from services.contacts.main import SERVICE as CONTACTS
from services.kit import tracing
from services.kit.app import create_api
from services.kit.db import Database
from services.kit.identity import Verifier
from services.kit.logs import stamped_by
from services.kit.relay import Relay
from services.kit.tracing import SpanKind
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import prepared
from tests.conftest import DatabaseUrl
from tests.gateway.standing import Listener, Standing, lifespan
from tests.kit.backbone import Backbone, running, scalar, until
from tests.kit.issuing import ISSUER, StubIssuer

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
CAME = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "one-request"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.trace_with(provider)
    yield kept
    tracing.trace_with(None)


@dataclass(frozen=True)
class Way:
    """The way from the door to the consumer of another service."""

    backbone: Backbone
    client: httpx.AsyncClient
    told: Database
    heard: Database

    async def go(self) -> Sequence[Mapping[str, Any]]:
        """Makes a member and waits until it is known to the other service; gives the lines that were logged."""
        with capture_logs(processors=[stamped_by("tests")]) as lines:
            async with running(*self._parts()):
                body = {"name": "Ada", "email": "ada@example.com"}
                made = await self.client.post("/v1/members", json=body, headers=CAME)
                assert made.status_code == 201, made.text
                await until(self._arrived)
        return lines

    def _parts(self) -> tuple[Relay, Any]:
        name, settings = self.backbone.producer, self.backbone.settings
        relay = Relay(name, settings, self.told, CONTACTS.public)
        return relay, self.backbone.reader(self.heard, OPPORTUNITIES.handlers)

    async def _arrived(self) -> bool:
        return await scalar(self.heard, "SELECT count(*) FROM member /* sight */") == 1

    def headers(self) -> dict[str, str]:
        """Those of the one record that was published."""
        [record] = self.backbone.read()
        return {name: (value or b"").decode() for name, value in record.headers}


@pytest.fixture
async def way(database_url: DatabaseUrl, kafka_bootstrap: str) -> AsyncGenerator[Way]:
    async with AsyncExitStack() as stack:
        url = database_url("contacts", prepared(CONTACTS))
        backbone = Backbone(url, kafka_bootstrap)
        backbone.make_topics()
        stack.callback(backbone.drop_topics)
        issuer = StubIssuer()
        port = await stack.enter_async_context(_served(backbone, issuer))
        client = await stack.enter_async_context(_door(port, issuer))
        told = await stack.enter_async_context(backbone.database())
        other = replace(backbone, url=database_url("opportunities", prepared(OPPORTUNITIES)))
        yield Way(backbone, client, told, await stack.enter_async_context(other.database()))


@asynccontextmanager
async def _served(backbone: Backbone, issuer: StubIssuer) -> AsyncGenerator[int]:
    judge = Verifier(_settings(), transport=issuer.transport, clock=issuer.clock)
    app = create_api(replace(CONTACTS, name=backbone.producer), backbone.settings, judge=judge)
    listener = Listener(app)
    async with app.router.lifespan_context(app):
        yield await listener.open()
        await listener.close()


@asynccontextmanager
async def _door(port: int, issuer: StubIssuer) -> AsyncGenerator[httpx.AsyncClient]:
    settings = _settings(contacts_url=f"http://127.0.0.1:{port}")
    judge = Verifier(settings, transport=issuer.transport, clock=issuer.clock)
    app = create_gateway(settings, verifier=judge)
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        client.headers["Authorization"] = f"Bearer {issuer.token(roles=['admin'])}"
        yield client


def _settings(**given: str) -> Any:
    return Backbone("", "").settings.model_copy(update={"oidc_issuer": ISSUER, **given})


def the(spans: Sequence[ReadableSpan], kind: SpanKind, name: str) -> ReadableSpan:
    [found] = [each for each in spans if each.kind is kind and each.name.startswith(name)]
    return found


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


async def test_from_the_door_to_another_services_consumer_it_is_one_trace(
    way: Way, spans: InMemorySpanExporter
) -> None:
    await way.go()
    found = [
        each
        for each in spans.get_finished_spans()
        if each.context and each.context.trace_id == int(TRACE, 16)
    ]
    inner, outer = sorted(
        (each for each in found if each.kind is SpanKind.SERVER), key=lambda each: each.end_time or 0
    )
    call = the(found, SpanKind.CLIENT, "POST contacts")
    assert parent_of(outer) == int(CALLER, 16)
    assert parent_of(call) == id_of(outer)
    assert parent_of(inner) == id_of(call)
    assert parent_of(the(found, SpanKind.PRODUCER, "publish")) == id_of(inner)
    assert parent_of(the(found, SpanKind.CONSUMER, "process")) == id_of(inner)
    assert way.headers()["ce_traceparent"] == f"00-{TRACE}-{id_of(inner):016x}-01"


async def test_every_line_on_the_way_names_the_request(way: Way, spans: InMemorySpanExporter) -> None:
    lines = [line for line in await way.go() if line["event"] in ("answered", "handled")]
    assert [line["event"] for line in lines] == ["answered", "answered", "handled"]
    assert {(line["request_id"], line["trace_id"]) for line in lines} == {("one-request", TRACE)}
    assert way.headers()["ce_requestid"] == "one-request"
    assert spans.get_finished_spans()


async def test_where_no_spans_are_made_the_callers_trace_goes_all_the_way(way: Way) -> None:
    lines = [line for line in await way.go() if line["event"] == "handled"]
    assert {(line["request_id"], line["trace_id"]) for line in lines} == {("one-request", TRACE)}
    assert way.headers()["ce_traceparent"] == CAME["traceparent"]
    assert await scalar(way.told, "SELECT traceparent FROM journal") == CAME["traceparent"]


@pytest.mark.parametrize("path", ["/v1/catalog", "/openapi.json"])
async def test_what_the_gateway_asks_for_by_itself_is_of_the_callers_trace(
    path: str, stand: Standing
) -> None:
    await stand.client.get(path, headers=CAME)
    for straw in stand.straws.values():
        [seen] = straw.seen
        assert {name: seen.header(name.lower()) for name in CAME} == CAME
