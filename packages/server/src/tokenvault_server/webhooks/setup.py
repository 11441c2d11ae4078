"""Puts together what sends notifications, from plain values."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.sending import Connector, Names


def connector_of(
    networks: Iterable[str], *, allows_http: bool, deadline_seconds: float, ca: str, names_at_once: int
) -> Connector:
    """Give a poster that resolves names by the machine; SettingsError where a value cannot be used."""
    policy = AddressPolicy(networks, allows_http=allows_http)
    connector = Connector(policy, Names(names_at_once), deadline_seconds=deadline_seconds, ca=ca)
    if ca:
        _ = connector.trust  # whoever starts a server wants to know now, not at the first notification
    return connector
