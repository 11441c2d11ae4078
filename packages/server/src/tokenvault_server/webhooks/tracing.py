"""Connections to webhook endpoints whose attempts are traced, and pass the trace on in `traceparent`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode

from tokenvault_contract import headers as names
from tokenvault_server.telemetry.logs import redact
from tokenvault_server.telemetry.tracing import ERROR_TYPE
from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.sending import Connection, Connector, Outcome, Resolver

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing


class TracedConnector(Connector):
    """A connector whose connections trace each attempt."""

    def __init__(
        self, policy: AddressPolicy, resolver: Resolver, *, deadline_seconds: float, ca: str, tracing: Tracing
    ) -> None:
        """Trace with `tracing`; the other arguments are those of `Connector`."""
        super().__init__(policy, resolver, deadline_seconds=deadline_seconds, ca=ca)
        self._tracing = tracing

    def connection(self, url: str) -> Connection:
        return _TracedConnection(self, url, self._tracing)


class _TracedConnection(Connection):
    """A connection with a trace for each attempt.

    A delivery may be sent days after the call that caused it, and by another process. Its row does not name that call's
    trace, so each attempt begins one.
    """

    def __init__(self, connector: Connector, url: str, tracing: Tracing) -> None:
        super().__init__(connector, url)
        self._tracing = tracing

    async def send(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post one body within a span. The path is not in it: it may hold a secret of the merchant."""
        target = self._target
        if target is None:
            return await super().send(headers, body)
        attributes: dict[str, str | int] = {
            "http.request.method": "POST",
            "http.request.resend_count": int(headers[names.WEBHOOK_ATTEMPT]) - 1,
            "url.scheme": "https" if target.is_secure else "http",
            "server.address": redact(target.host),
            "server.port": target.port,
        }
        with self._tracing.attempt("POST", attributes) as (span, context):
            outcome = await super().send({**headers, **context}, body)
            if outcome.answered is not None:
                span.set_attribute("http.response.status_code", outcome.answered)
            if not outcome.is_delivered:
                span.set_attribute(ERROR_TYPE, outcome.label)
                span.set_status(StatusCode.ERROR)
        return outcome
