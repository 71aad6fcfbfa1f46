"""Where spans go: OpenTelemetry's SDK and its exporter over HTTP, both as the standard environment variables say."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def exporting(process: str) -> TracerProvider:
    """What makes the spans of the process and sends them in the background; they are lost where nobody takes them."""
    named = Resource.create({"service.name": process, "service.namespace": "foothold"})
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
