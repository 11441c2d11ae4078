"""Time as a value that is passed in, so that tests and the emulator can move it.

Each process makes one clock in its entry point and passes it to every part (docs/adr/0028). Expiry, retries, rate
windows, leases and periodic tasks follow it. Two kinds of time do not, because moving a clock must not break a socket:
deadlines of network and database operations use the event loop's monotonic time, and measured durations use
`time.perf_counter`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


class Clock(Protocol):
    """The source of the present moment."""

    def now(self) -> int:
        """Return the present as microseconds since 1970-01-01T00:00Z."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when this clock shows a moment at least `seconds` later; let other tasks run once at least."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> int:
        """Return the present as microseconds since 1970-01-01T00:00Z."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)
