"""Builds the connector from plain values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.sending import Connector, ThreadedResolver

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing


def connector_of(
    networks: Iterable[str],
    *,
    allows_http: bool,
    deadline_seconds: float,
    ca: str,
    concurrent_names: int,
    tracing: Tracing | None = None,
) -> Connector:
    """Return a connector that resolves host names as the machine does, and traces its attempts where tracing is on.

    Raises:
        SettingsError: a value cannot be used.
    """
    policy = AddressPolicy(networks, allows_http=allows_http)
    resolver = ThreadedResolver(concurrent_names)
    if tracing is None:
        connector = Connector(policy, resolver, deadline_seconds=deadline_seconds, ca=ca)
    else:
        from tokenvault_server.webhooks.tracing import TracedConnector

        connector = TracedConnector(policy, resolver, deadline_seconds=deadline_seconds, ca=ca, tracing=tracing)
    if ca:
        _ = connector.ssl_context  # a wrong file is reported when the server starts, not at the first event
    return connector
