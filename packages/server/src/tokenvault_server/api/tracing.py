"""The API with a span for each call, where tracing is on. Without it, `AsgiApp` alone serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import StatusCode

from tokenvault_contract.operations import BASE_PATH, OPERATIONS
from tokenvault_server.api.asgi import AsgiApp, Receive, Scope, Send
from tokenvault_server.domain.identifiers import holds_api_secret
from tokenvault_server.telemetry.tracing import ERROR_TYPE, Attributes, Tracing

if TYPE_CHECKING:
    from tokenvault_server.api.call import Reply, Request

_ROUTES: Final = {operation.key: BASE_PATH + operation.path for operation in OPERATIONS}
_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_FAILED: Final = 500
_NOT_DONE: Final = 400


class TracedApp(AsgiApp):
    """The API, with a span for each call; attributes as in OpenTelemetry's conventions for HTTP servers.

    `url.path` is left out, although they want it: it holds ids of customers. `http.route` is the template.
    """

    def __init__(self, *args: Any, tracing: Tracing, **kwargs: Any) -> None:  # noqa: ANN401  # those of the base
        """Trace calls with `tracing`; the other arguments are those of `AsgiApp`."""
        super().__init__(*args, **kwargs)
        self._tracing = tracing

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        attributes = _attributes(scope)
        headers = _context_headers(scope["headers"])
        serving = super()._serve(scope, receive, send)
        del scope  # as in the base: this frame stays, and raw headers are plain values
        with self._tracing.call(str(attributes["http.request.method"]), attributes, headers):
            await serving

    def _record(self, request: Request, reply: Reply, seconds: float) -> None:
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("http.response.status_code", reply.status)
            span.set_attribute("tokenvault.operation", request.operation_key)
            if not holds_api_secret(request.request_id):  # that it holds no card number was checked
                span.set_attribute("tokenvault.request_id", request.request_id)
            if route := _ROUTES.get(request.operation_key):
                span.set_attribute("http.route", route)
                span.update_name(f"{request.method} {route}")
            if reply.status >= _NOT_DONE:
                span.set_attribute(ERROR_TYPE, reply.code or str(reply.status))
            if reply.status >= _FAILED:
                span.set_status(StatusCode.ERROR)
        super()._record(request, reply, seconds)


def _attributes(scope: Scope) -> Attributes:
    """Return what is known before the call is routed; the address is the one that we listen on, not the `Host` sent."""
    method = scope["method"]
    attributes: dict[str, str | int] = {
        "http.request.method": method if method in _METHODS else "_OTHER",
        "url.scheme": scope["scheme"],
    }
    if server := scope.get("server"):
        address, port = server
        attributes["server.address"] = address
        if port:
            attributes["server.port"] = port
    return attributes


def _context_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of the caller's trace. One that came twice is joined: as `traceparent` that is malformed."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in {b"traceparent", b"tracestate"}:
            key, text = name.decode(), value.decode("latin-1")
            found[key] = f"{found[key]},{text}" if key in found else text
    return found
