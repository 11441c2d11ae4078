"""A clock that can be set, advanced and stopped; everything that waits on it notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from tokenvault_server.domain.clock import SECOND, Clock


class ClockMark(NamedTuple):
    """How a clock runs: its distance from its base in microseconds, or the moment at which it stands still."""

    distance: int
    frozen_at: int | None


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
        self._counted = 0
        """How many of the sleepers are periodic tasks."""
        self._waiters: list[asyncio.Future[None]] = []
        self._released = asyncio.Event()
        self._released.set()

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

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen_at is not None

    def mark(self) -> ClockMark:
        """Return how this clock runs, for `go_back`."""
        return ClockMark(self._distance, self._frozen_at)

    def go_back(self, mark: ClockMark) -> None:
        """Run, or stand still, as at `mark`. Nobody is woken if that changes nothing."""
        if mark != self.mark():
            self._distance, self._frozen_at = mark
            self._wake()

    @asynccontextmanager
    async def held(self, count: int) -> AsyncIterator[None]:
        """Wait until `count` tasks wait on this clock, and let none of them go on before the block ends."""
        self._released.clear()
        try:
            await self.until_asleep(count)
            yield
        finally:
            self._released.set()

    async def pause(self, seconds: float) -> None:
        """Sleep without counting for `until_asleep`: for work that is not one of the periodic tasks."""
        await self._sleep(seconds, counted=False)

    async def sleep(self, seconds: float) -> None:
        """Return when this clock shows a moment at least `seconds` later, by running or by being moved."""
        await self._sleep(seconds, counted=True)

    async def _sleep(self, seconds: float, *, counted: bool) -> None:
        await asyncio.sleep(0)
        duration = int(seconds * SECOND)
        until = self.now() + duration
        while (left := until - self.now()) > 0:
            sleeper = _Sleeper(counted=counted)
            self._add(sleeper)
            try:
                # A clock that stands still has to be moved; one that runs arrives by itself, too.
                await sleeper.wait(None if self._frozen_at is not None else left / SECOND)
                await self._released.wait()
            finally:
                self._discard(sleeper)
            until = min(until, self.now() + duration)  # a clock set back must not keep a periodic task waiting

    async def until_asleep(self, count: int) -> None:
        """Return when at least `count` tasks wait on this clock: after a move, what was due is done by then."""
        while self._counted < count:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _add(self, sleeper: _Sleeper) -> None:
        self._sleepers.add(sleeper)
        self._counted += sleeper.counted
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _discard(self, sleeper: _Sleeper) -> None:
        """Forget a sleeper, unless a move did it before."""
        if sleeper in self._sleepers:
            self._sleepers.discard(sleeper)
            self._counted -= sleeper.counted

    def _wake(self) -> None:
        """Have every sleeper look at the clock again; those whose time has not come sleep on."""
        sleepers, self._sleepers, self._counted = self._sleepers, set(), 0
        for sleeper in sleepers:
            sleeper.wake()


class _Sleeper:
    """One task that waits for a move of the clock."""

    def __init__(self, *, counted: bool) -> None:
        self.counted = counted
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
