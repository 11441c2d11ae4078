"""A clock that can be set, advanced and stopped; everything that waits on it notices."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tokenvault_server.domain.clock import SECOND, Clock


class MovableClock:
    """A clock that runs beside another one at a distance, or stands still.

    A move wakes each sleeper whose time has come. It is safe from any thread. After a move forward a periodic task runs
    once, not once for each period that was skipped.
    """

    def __init__(self, base: Clock, frozen_at: int | None = None) -> None:
        """Run as `base` does, or stand still at `frozen_at`."""
        self._base = base
        self._distance = 0
        self._frozen_at = frozen_at
        self._sleepers: set[_Sleeper] = set()
        self._waiters: list[asyncio.Future[None]] = []

    def now(self) -> int:
        """Return the present as microseconds since 1970-01-01T00:00Z."""
        return self._base.now() + self._distance if self._frozen_at is None else self._frozen_at

    def set(self, moment: int) -> None:
        """Show `moment`, in microseconds since 1970-01-01T00:00Z; a clock that stands still stays frozen there."""
        if self._frozen_at is None:
            self._distance = moment - self._base.now()
        else:
            self._frozen_at = moment
        self._wake()

    def advance(self, seconds: float) -> None:
        """Move forward, or backward if `seconds` is negative."""
        self.set(self.now() + int(seconds * SECOND))

    def freeze(self) -> None:
        """Stand still at the present moment."""
        self._frozen_at = self.now()
        self._wake()

    def resume(self) -> None:
        """Run on from the moment at which the clock stands still."""
        moment, self._frozen_at = self.now(), None
        self.set(moment)

    async def sleep(self, seconds: float) -> None:
        """Return when this clock shows a moment at least `seconds` later, by running or by being moved."""
        await asyncio.sleep(0)
        duration = int(seconds * SECOND)
        until = self.now() + duration
        while (left := until - self.now()) > 0:
            sleeper = _Sleeper()
            self._add(sleeper)
            try:
                # A clock that stands still has to be moved; one that runs arrives by itself, too.
                await sleeper.wait(None if self._frozen_at is not None else left / SECOND)
            finally:
                self._sleepers.discard(sleeper)
            until = min(until, self.now() + duration)  # a clock set back must not keep a periodic task waiting

    async def until_asleep(self, count: int) -> None:
        """Return when at least `count` tasks wait on this clock: after a move, what was due is done by then."""
        while len(self._sleepers) < count:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _add(self, sleeper: _Sleeper) -> None:
        self._sleepers.add(sleeper)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _wake(self) -> None:
        """Have every sleeper look at the clock again; those whose time has not come sleep on."""
        sleepers, self._sleepers = self._sleepers, set()
        for sleeper in sleepers:
            sleeper.wake()


class _Sleeper:
    """One task that waits for a move of the clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()

    def wake(self) -> None:
        """Wake the task, from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._moved.set)

    async def wait(self, seconds: float | None) -> None:
        """Return after a move, or after `seconds` of the event loop's time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()
