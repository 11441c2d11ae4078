"""A clock that stands still until a test moves it."""

from __future__ import annotations

from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.emulator.clock import MovableClock

NOW = 1_795_337_130_000_000
"""2026-11-22T08:45:30Z."""


class SettableClock(MovableClock):
    """Returns the time it was set to, so that no test sleeps."""

    def __init__(self, at: int = NOW) -> None:
        super().__init__(SystemClock(), frozen_at=at)

    @property
    def at(self) -> int:
        return self.now()

    @at.setter
    def at(self, moment: int) -> None:
        self.set(moment)

    def advance(self, seconds: float = 0, *, minutes: float = 0, days: float = 0) -> None:
        super().advance(seconds + 60 * minutes + 86_400 * days)
