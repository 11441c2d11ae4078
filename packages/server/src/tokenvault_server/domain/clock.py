"""Time as a thing that is passed in, so that tests and the emulator can move it."""

from __future__ import annotations

import time
from typing import Protocol

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


class Clock(Protocol):
    """Where the present moment comes from."""

    def now(self) -> int:
        """Give the present as microseconds since 1970-01-01T00:00Z."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        """Give the present as microseconds since 1970-01-01T00:00Z."""
        return time.time_ns() // 1000
