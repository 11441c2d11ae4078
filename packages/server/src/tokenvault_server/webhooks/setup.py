"""Builds the connector from plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.sending import Connector, ThreadedResolver


def connector_of(
    networks: Iterable[str],
    *,
    allows_http: bool,
    deadline_seconds: float,
    ca: str,
    concurrent_names: int,
    build: Callable[..., Connector] = Connector,
) -> Connector:
    """Return a connector that resolves host names as the machine does.

    Raises:
        SettingsError: a value cannot be used.
    """
    policy = AddressPolicy(networks, allows_http=allows_http)
    connector = build(policy, ThreadedResolver(concurrent_names), deadline_seconds=deadline_seconds, ca=ca)
    if ca:
        _ = connector.ssl_context  # a wrong file is reported when the server starts, not at the first event
    return connector
