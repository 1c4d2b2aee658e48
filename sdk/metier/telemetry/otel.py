"""Spans and metrics for OpenTelemetry, by its API alone: the program brings the SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, MeterProvider, get_meter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from metier.telemetry.measures import HISTOGRAMS, measures_of
from metier.telemetry.operation import Operation
from metier.telemetry.tracing import trace_headers

_NAME = "metier"
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURED = {"true", "span_only", "span_and_event"}
_CLIENTS = {"chat", "embeddings", "retrieval"}
_NS = 1_000_000_000
_W3C = TraceContextTextMapPropagator()


class OpenTelemetry:
    """A backend that makes spans and metrics. Without an SDK in the program it does nothing.

    Args:
        tracer_provider: where spans go; the global provider if not given.
        meter_provider: where metrics go; the global provider if not given.
        content: whether questions, tasks and answers are attributes of spans. If not given, the
            variable OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says so.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool | None = None,
    ) -> None:
        own = version("metier")
        self._tracer = trace.get_tracer(_NAME, own, tracer_provider)
        meter = get_meter(_NAME, own, meter_provider)
        self._histograms: Mapping[str, Histogram] = {
            each.name: meter.create_histogram(
                each.name,
                unit=each.unit,
                description=each.description,
                explicit_bucket_boundaries_advisory=each.buckets,
            )
            for each in HISTOGRAMS
        }
        captured = os.environ.get(_CONTENT, "").lower() in _CAPTURED
        self._content = captured if content is None else content
        # Also of those that have ended: work that they began may still report.
        self._spans: WeakKeyDictionary[Operation, Span] = WeakKeyDictionary()

    def begin(self, operation: Operation) -> Mapping[str, str]:
        """Start its span."""
        span = self._tracer.start_span(
            operation.title,
            context=self._context(operation),
            kind=SpanKind.CLIENT if operation.name in _CLIENTS else SpanKind.INTERNAL,
            # A sampler decides by what is known now.
            attributes=operation.attributes,
            start_time=int(operation.began * _NS),
        )
        self._spans[operation] = span
        headers: dict[str, str] = {}
        _W3C.inject(headers, context=trace.set_span_in_context(span, Context()))
        return headers

    def end(self, operation: Operation) -> None:
        """End its span, and record its metrics."""
        span = self._spans[operation]
        span.set_attributes(operation.attributes)
        if self._content:
            span.set_attributes(operation.content)
        for moment in operation.moments:
            span.add_event(moment.name, moment.attributes, timestamp=int(moment.at * _NS))
        if operation.error:
            span.set_attribute("error.type", operation.error)
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=int((operation.ended or operation.began) * _NS))
        context = trace.set_span_in_context(span, Context())
        for measure in measures_of(operation):
            histogram = self._histograms[measure.histogram.name]
            histogram.record(measure.value, measure.attributes, context=context)

    def _context(self, operation: Operation) -> Context | None:
        """Where its span belongs: below its parent, the program's own span, or the caller's."""
        if operation.parent is not None:
            return trace.set_span_in_context(self._spans[operation.parent])
        if trace.get_current_span().get_span_context().is_valid:
            return None
        return _W3C.extract(trace_headers.get())
