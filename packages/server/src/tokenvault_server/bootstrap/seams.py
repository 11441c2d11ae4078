"""Where an emulator stands between a vault and the world outside. A served vault has nothing there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tokenvault_server.tsp.provider import TokenServiceProvider
from tokenvault_server.vault.deliveries import DeliveryLimits
from tokenvault_server.webhooks.sending import Connector


def _unchanged(provider: TokenServiceProvider) -> TokenServiceProvider:
    return provider


@dataclass(frozen=True, slots=True)
class Seams:
    """What stands in front of providers and webhook endpoints."""

    provider: Callable[[TokenServiceProvider], TokenServiceProvider] = _unchanged
    """Wraps each provider, behind its guard."""
    connector: Callable[..., Connector] = Connector
    """Makes the connector of webhooks, from the arguments of its constructor."""
    delivery_limits: DeliveryLimits = field(default_factory=DeliveryLimits)
