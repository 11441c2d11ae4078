"""Traces: spans for OpenTelemetry, and the W3C trace context of calls that come in and go out.

Nothing imports this module, and no OpenTelemetry with it, unless tracing is on: `bootstrap/tracing.py` does then.

A span holds names that our code fixes, numbers, and the id of the request. It never holds the id of a customer or a
card, a body, or an error's message or stack. So no code here lets the SDK record an exception (docs/adr/0037).
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.telemetry.access_log import AccessLine, AccessLog
from tokenvault_server.telemetry.logs import redact

Attributes = Mapping[str, str | int]

ERROR_TYPE: Final = "error.type"
_SCOPE: Final = "tokenvault_server"
_FLUSH_SECONDS: Final = 2.0
"""How long a stopping process waits for its last spans to leave. `drain_seconds` must be longer to see them all."""
_ABANDON_SECONDS: Final = 0.5
_UNKNOWN: Final = "unknown_service"
"""How the SDK's name of a service begins when nothing sets one."""
_DIGITS_OF_CARDS: Final = re.compile(r"\d{14}|\d{4}[a-f]{1,3}\d{4}[a-f]{1,3}\d{4}|\d{4}[a-f]{1,3}\d{6}")
"""What every card number in hexadecimal digits has: a run, or groups as they are printed."""
_FIELDS: Final = ("traceparent", "tracestate")
_LONGEST: Final = 512
"""Of a field, in characters: what the W3C asks for `tracestate`. To search a longer one for card numbers takes long."""


class Tracing:
    """Makes the spans of one process. A thread sends them from a bounded queue; a full queue drops the oldest."""

    def __init__(self, exporter: SpanExporter, version: str) -> None:
        """Send spans through `exporter`. The SDK reads sampler, limits and resource from `OTEL_*` variables."""
        self._exporter = exporter
        self._provider = TracerProvider(
            resource=_resource(version), id_generator=_IdsWithoutCardNumbers(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_SCOPE, version)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def call(self, name: str, attributes: Attributes, headers: Mapping[str, str]) -> Iterator[Span]:
        """Make the span of an incoming call, in its caller's trace if `headers` name a usable one."""
        with self._span(name, SpanKind.SERVER, attributes, self._context_of(headers)) as span:
            yield span

    @contextmanager
    def attempt(self, name: str, attributes: Attributes) -> Iterator[tuple[Span, dict[str, str]]]:
        """Make the span of an outgoing request that begins a trace; yield it with the headers that pass it on."""
        with self._span(name, SpanKind.CLIENT, attributes, Context()) as span:
            headers: dict[str, str] = {}
            self._propagator.inject(headers)
            yield span, headers

    @contextmanager
    def child(self, name: str, attributes: Attributes, *, leaves_process: bool = False) -> Iterator[None]:
        """Make a span within the present trace. Outside of any, make none: periodic tasks would begin one a second."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        kind = SpanKind.CLIENT if leaves_process else SpanKind.INTERNAL
        with self._span(name, kind, attributes, None):
            yield

    def flush(self) -> None:
        """Send what is queued, and return when it was sent."""
        self._provider.force_flush()

    async def close(self) -> None:
        """Send the last spans, for at most `_FLUSH_SECONDS`; what a dead endpoint does not take is lost."""
        await asyncio.to_thread(self.shut_down)

    def shut_down(self) -> None:
        """Do the same in this thread."""
        # In a daemon thread: an endpoint that does not answer must not keep the process from ending.
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(_FLUSH_SECONDS)
        if ending.is_alive():
            self._exporter.shutdown()  # ends its wait between two attempts
            ending.join(_ABANDON_SECONDS)

    @contextmanager
    def _span(self, name: str, kind: SpanKind, attributes: Attributes, context: Context | None) -> Iterator[Span]:
        """Make a span the current one. Of an error it says the type alone."""
        span = self._tracer.start_span(name, context, kind, attributes, record_exception=False)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield span
        except BaseException as error:
            # The cause says more: it is the driver's or the provider's error, of which ours was made.
            span.set_attribute(ERROR_TYPE, type(error.__cause__ or error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    def _context_of(self, headers: Mapping[str, str]) -> Context:
        """Return the caller's context; an empty one where there is none, it is malformed, or an id is a card number.

        `tracestate` is free text: it is dropped, as the W3C allows, when it holds what a log would mask.
        """
        carrier = {name: value for name in _FIELDS if (value := headers.get(name)) and len(value) <= _LONGEST}
        if may_be_card(carrier.get("traceparent", "")):
            return Context()
        state = carrier.get("tracestate", "")
        if redact(state) != state:
            del carrier["tracestate"]
        return self._propagator.extract(carrier, Context())


class _IdsWithoutCardNumbers(IdGenerator):
    """Random ids, none of which can be taken for a card number: one in three thousand trace ids could."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        while may_be_card(trace.format_span_id(number := self._random.generate_span_id())):
            pass
        return number

    def generate_trace_id(self) -> int:
        while may_be_card(trace.format_trace_id(number := self._random.generate_trace_id())):
            pass
        return number


def may_be_card(number: str) -> bool:
    """Tell whether the detector finds a card number in hexadecimal ids. It takes long, and few ids need it.

    The detector passes over UUIDs. An id of a trace may look like one: the letter before it, and in place of hyphens,
    keeps it from being taken for one.
    """
    return bool(_DIGITS_OF_CARDS.search(number)) and holds_card_number("x" + number.replace("-", "x"))


class TracedAccessLog(AccessLog):
    """An access log whose lines name the trace of their call."""

    def write(self, line: AccessLine) -> None:
        """Collect a line with the ids of the present span."""
        super().write(msgspec.structs.replace(line, **_current_ids()))


def log_trace_ids() -> Callable[[], None]:
    """Give each log line of this process the ids of the span in which it is written; return what ends that."""
    before = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401  # the signature of logging
        record = before(*args, **kwargs)
        vars(record).update(_current_ids())
        return record

    # Malformed headers of callers are not worth a line. The exporter's warnings vary with each attempt, so they would
    # pass as different lines; its error, when it gives a batch up, does not.
    for name in ("opentelemetry.trace", "opentelemetry.exporter"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.setLogRecordFactory(factory)
    return lambda: logging.setLogRecordFactory(before)


def _current_ids() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


def _resource(version: str) -> Resource:
    """Describe this process: the variables' attributes, and ours where they name none."""
    chosen = Resource.create().attributes
    ours = {SERVICE_VERSION: version, SERVICE_INSTANCE_ID: str(uuid.uuid4())}
    if str(chosen.get(SERVICE_NAME, _UNKNOWN)).startswith(_UNKNOWN):
        ours[SERVICE_NAME] = "tokenvault"
    return Resource.create({name: value for name, value in ours.items() if name == SERVICE_NAME or name not in chosen})
