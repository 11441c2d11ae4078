"""A clock that stands still until it is moved."""

from __future__ import annotations

from tokenvault_server.domain.clock import SECOND

NOW = 1_795_337_130_000_000
"""2026-11-22T08:45:30Z."""


class SettableClock:
    """Tells the moment it was set to: nothing waits, and no test sleeps."""

    def __init__(self, at: int = NOW) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def advance(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        self.at += int((seconds + 60 * minutes + 86_400 * days) * SECOND)
