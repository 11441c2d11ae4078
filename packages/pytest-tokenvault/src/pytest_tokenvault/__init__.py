"""A Token Vault emulator for tests: fixtures for pytest, a mixin for unittest, and a context manager for all others.

    from pytest_tokenvault import TokenVault

    with TokenVault() as vault:
        card = vault.save_card("asha")
        vault.clock.advance(days=30)

Each name is imported when it is first used: every run of pytest loads this package, also one that uses no fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_tokenvault.mixin import TokenVaultMixin
    from pytest_tokenvault.vault import TokenVault
    from pytest_tokenvault.webhooks import ReceivedWebhook, VaultWebhooks
    from tokenvault_server.emulator.steering import CardControl, ClockControl, FaultControl, RequestControl

__all__ = [
    "CardControl",
    "ClockControl",
    "FaultControl",
    "ReceivedWebhook",
    "RequestControl",
    "TokenVault",
    "TokenVaultMixin",
    "VaultWebhooks",
]

_STEERING = "tokenvault_server.emulator.steering"
_MODULES = {
    "CardControl": _STEERING,
    "ClockControl": _STEERING,
    "FaultControl": _STEERING,
    "ReceivedWebhook": "pytest_tokenvault.webhooks",
    "RequestControl": _STEERING,
    "TokenVault": "pytest_tokenvault.vault",
    "TokenVaultMixin": "pytest_tokenvault.mixin",
    "VaultWebhooks": "pytest_tokenvault.webhooks",
}


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)
