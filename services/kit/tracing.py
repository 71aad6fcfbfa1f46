"""Traces: how a request goes through gateway, services, journal, Kafka and consumers, as W3C and OpenTelemetry have it.

Spans are made and sent only where `OTEL_EXPORTER_OTLP_ENDPOINT` (or its `_TRACES_` form) says where to; the standard
variables of OpenTelemetry's SDK say the rest. Without it nothing is made, and a `traceparent` that came is passed on as
it came. Spans name routes, methods and outcomes: no paths, no queries, no texts of errors, nobody.
"""

import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
    get_current_span,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["TRACE", "Span", "SpanKind", "StatusCode"]

TRACE: Final = ("traceparent", "tracestate")
"""The header fields of W3C's trace context."""

MOST_LINKS: Final = 128
FLUSH_SECONDS: Final = 2

Attributes = Mapping[str, str | int]

_W3C = TraceContextTextMapPropagator()
_NOWHERE = Context()
_NO_SPAN: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)


class _Tracing:
    """Whether this process makes spans, and how; one for the process, as its log is."""

    tracer: Tracer | None = None
    provider: TracerProvider | None = None


def configure_tracing(process: str) -> None:
    """Has the process send its spans under its name, if the environment says where to."""
    if not _wanted(os.environ):
        return
    # Wanted by few, and as slow to import as the rest of a process together.
    from services.kit.exporting import exporting  # noqa: PLC0415

    trace_with(exporting(process))


def trace_with(provider: TracerProvider | None) -> None:
    """Makes spans by the provider from now on; by None no more."""
    _Tracing.provider = provider
    _Tracing.tracer = provider.get_tracer("foothold") if provider else None


def flush() -> None:
    """Sends what is not sent yet, for 2 s at the most. Blocks."""
    send = getattr(_Tracing.provider, "force_flush", None)
    if send is not None:
        send(FLUSH_SECONDS * 1000)


def on() -> bool:
    """Whether spans are made."""
    return _Tracing.tracer is not None


def _wanted(environment: Mapping[str, str]) -> bool:
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    told = any(environment.get(name) for name in names)
    return told and not off and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    *,
    within: Mapping[str, str] | None = None,
    links: Sequence[str] = (),
) -> AbstractContextManager[Span]:
    """A span around what is done in it: below the present one, or `within` the trace whose header fields are given.

    `links` are traceparents of what it has also to do with. Where no spans are made it is one that keeps nothing.
    """
    tracer = _Tracing.tracer
    return _NO_SPAN if tracer is None else _spanned(tracer, name, kind, attributes, within, links)


@contextmanager
def _spanned(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    attributes: Attributes | None,
    within: Mapping[str, str] | None,
    links: Sequence[str],
) -> Generator[Span]:
    context = None if within is None else _context(within)
    begun = tracer.start_span(name, context, kind, attributes, list(_links(links)))
    with use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield begun
        except Exception:
            begun.set_status(StatusCode.ERROR)
            raise


def _context(fields: Mapping[str, str]) -> Context:
    return _W3C.extract(dict(fields), _NOWHERE)


def _links(traceparents: Iterable[str]) -> Iterable[Link]:
    for each in list(dict.fromkeys(traceparents))[:MOST_LINKS]:
        context = get_current_span(_context({"traceparent": each})).get_span_context()
        if context.is_valid:
            yield Link(context)


def past(name: str, since: int, traceparents: Iterable[str | None], attributes: Attributes) -> None:
    """A producer's span in each of these traces, from `since` (nanoseconds since 1970) until now."""
    tracer = _Tracing.tracer
    for each in traceparents if tracer else ():
        if tracer and each:
            context = _context({"traceparent": each})
            tracer.start_span(name, context, SpanKind.PRODUCER, attributes, start_time=since).end()


def traceparent(of: Span) -> str:
    """The span's context as W3C's header has it."""
    context = of.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def carried(came: str | None) -> dict[str, str]:
    """The header fields that carry the trace on: the present span's, or where none is made the one that came."""
    if _Tracing.tracer is None:
        return {"traceparent": came} if came else {}
    fields: dict[str, str] = {}
    _W3C.inject(fields)
    return fields
