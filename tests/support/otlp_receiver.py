"""A collector for traces: a real HTTP server that takes OTLP over HTTP, decodes it, and keeps the spans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

SECONDS = 30
SERVER, CLIENT, INTERNAL = 2, 3, 1
"""The kinds of spans, as OTLP numbers them."""
FAILED = 2
"""The status of a span that failed."""


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as it arrived; ids in hex."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    status: int
    attributes: dict[str, str]
    resource: dict[str, str]
    events: int
    links: int


class OtlpReceiver(ThreadingHTTPServer):
    """Keeps every request and its spans."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.spans: list[ReceivedSpan] = []
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What an operator sets so that a server sends its traces here, soon."""
        return {
            "TOKENVAULT_TRACING": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }

    def await_spans(self, wanted: Callable[[ReceivedSpan], bool], count: int = 1) -> list[ReceivedSpan]:
        """Return the spans that are wanted when there are `count` of them; fail when they do not come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.found(wanted)) >= count, SECONDS), self.spans
            return self.found(wanted)

    def found(self, wanted: Callable[[ReceivedSpan], bool]) -> list[ReceivedSpan]:
        return [span for span in self.spans if wanted(span)]

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        with self.changed:
            self.requests.append(body)
            self.headers.append(dict(headers))
            self.spans += spans_of(body)
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OtlpReceiver

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def spans_of(body: bytes) -> list[ReceivedSpan]:
    """Decode the spans of one request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        ReceivedSpan(
            name=span.name,
            kind=span.kind,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            status=span.status.code,
            attributes=_values(span.attributes),
            resource=_values(each.resource.attributes),
            events=len(span.events),
            links=len(span.links),
        )
        for each in request.resource_spans
        for scope in each.scope_spans
        for span in scope.spans
    ]


def _values(pairs: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:  # type: ignore[attr-defined]  # a container of protobuf, which has no public type
        assert isinstance(pair, KeyValue)
        found[pair.key] = str(getattr(pair.value, str(pair.value.WhichOneof("value"))))
    return found


@contextmanager
def receiving() -> Iterator[OtlpReceiver]:
    """Run a receiver until the block ends."""
    with OtlpReceiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
