"""Where an emulator stands between a vault and the world outside. A served vault has nothing there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tokenvault_server.tsp.provider import TokenServiceProvider
from tokenvault_server.webhooks.sending import Connector

T = TypeVar("T")


def _unchanged(part: T) -> T:
    return part


@dataclass(frozen=True, slots=True)
class Seams:
    """What stands in front of providers and webhook endpoints."""

    provider: Callable[[TokenServiceProvider], TokenServiceProvider] = _unchanged
    """Wraps each provider, behind its guard."""
    connector: Callable[[Connector], Connector] = _unchanged
    """Wraps what makes the connections of webhooks."""
