"""Spans leave the process where somebody takes them, and nowhere else: unasked for, nothing of it is even imported."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_ALL_OF_US = "import gateway.main, services.contacts.main, services.kit.run"
_SPANS = """
import sys
from services.kit import tracing
tracing.configure_tracing("sample")
with tracing.span("outer"), tracing.span("inner"):
    pass
tracing.flush()
print(*sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))))
"""


class Sink(HTTPServer):
    """Takes what exporters send."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.taken: list[tuple[str, bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        cast("Sink", self.server).taken.append(
            (self.path, self.rfile.read(int(self.headers["content-length"])))
        )
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Says nothing."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def modules_of_a_process(*before: str, **environment: str) -> str:
    """The modules of the SDK and its exporters that a process has imported which did `before` and made two spans."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    program = "\n".join([*before, _SPANS])
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, env=plain | environment
    )
    return run.stdout.strip()


def test_spans_are_sent_where_the_environment_says(sink: Sink) -> None:
    assert "opentelemetry.exporter.otlp" in modules_of_a_process(OTEL_EXPORTER_OTLP_ENDPOINT=sink.address)
    [(path, body)] = sink.taken
    told = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    named = {each.key: each.value.string_value for each in told.resource.attributes}
    inner, outer = told.scope_spans[0].spans
    assert (path, named["service.name"]) == ("/v1/traces", "sample")
    assert [inner.name, outer.name, inner.parent_span_id] == ["inner", "outer", outer.span_id]


def test_unasked_nothing_of_it_is_imported_by_any_of_us() -> None:
    assert modules_of_a_process(_ALL_OF_US) == ""


@pytest.mark.parametrize(
    "environment", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str
)
def test_switched_off_nothing_is_imported_and_nothing_sent(environment: dict[str, str], sink: Sink) -> None:
    assert modules_of_a_process(**environment, OTEL_EXPORTER_OTLP_ENDPOINT=sink.address) == ""
    assert sink.taken == []
