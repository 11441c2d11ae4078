"""Moves of the emulator's clock that answer when what became due is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.emulator.captured_webhooks import CapturedWebhooks
from tokenvault_server.emulator.clock import MovableClock
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.telemetry.timestamps import timestamp
from tokenvault_server.vault.deliveries import Deliveries

MAX_STOPS: Final = 100
"""How many retry times a move stops at. Every policy of Cashfree has fewer; the rest is sent at the end of the move."""
EXAMPLE: Final = "2026-12-24T18:00:00+05:30"
_EARLIEST: Final = 1_577_836_800 * SECOND  # 2020-01-01
_LATEST: Final = 4_102_444_800 * SECOND  # 2100-01-01


class ClockMoves:
    """Moves the clock; periodic tasks and webhooks follow before the move ends."""

    def __init__(
        self,
        clock: MovableClock,
        base: Clock,
        deliveries: Deliveries,
        captured: CapturedWebhooks,
        task_count: Callable[[], int],
        next_retry: Callable[[], Awaitable[int | None]],
    ) -> None:
        """Move `clock`.

        Args:
            clock: the emulator's clock.
            base: the machine's clock.
            deliveries: sends webhooks.
            captured: has webhooks that a fault sends late.
            task_count: returns how many periodic tasks wait on the clock when nothing is being done.
            next_retry: returns when the next webhook is due.
        """
        self.clock = clock
        self._base = base
        self._deliveries = deliveries
        self._captured = captured
        self._task_count = task_count
        self._next_retry = next_retry

    @property
    def ahead_seconds(self) -> float:
        """How far the clock is ahead of the machine's."""
        return round((self.clock.now() - self._base.now()) / SECOND, 3)

    def moment(self) -> str:
        """Return the present as text."""
        return timestamp(self.clock.now())

    async def set(self, at: str) -> None:
        """Show a time; a clock that stands still stays frozen there.

        Raises:
            ControlError: the text is not a time, or a time before 2020 or after 2099.
        """
        await self._arrive(parsed(at))

    async def advance(self, seconds: float) -> None:
        """Move forward, and stop on the way at each time at which a webhook is due.

        Raises:
            ControlError: it is no move forward, or leads beyond 2099.
        """
        if not seconds > 0:
            raise ControlError.invalid("seconds", "is not a move forward", ["seconds, minutes, hours or days above 0"])
        target = self.clock.now() + int(seconds * SECOND)
        _check(target)
        for _ in range(MAX_STOPS):
            due = await self._next_retry()
            if due is None or due >= target:
                break
            await self._arrive(max(due, self.clock.now()))
        await self._arrive(target)

    async def freeze(self, at: str = "") -> None:
        """Stand still, at a time or at the present one."""
        moment = parsed(at) if at else None
        self.clock.freeze()
        if moment is not None:
            await self._arrive(moment)

    def resume(self) -> None:
        """Run on."""
        if self.clock.is_frozen:
            self.clock.resume()

    async def deliver(self) -> int:
        """Send the webhooks that are due now; return how many endpoints got some."""
        started = await self._deliveries.start_due()
        await self._deliveries.finish()
        await self._captured.finish_due()
        return started

    async def _arrive(self, moment: int) -> None:
        """Show a moment, and return when the periodic tasks and webhooks have done what was due then."""
        self.clock.set(moment)
        await self.clock.until_asleep(self._task_count())
        await self.deliver()


def parsed(at: str) -> int:
    """Return a time in microseconds.

    Raises:
        ControlError: the text is not a time, or a time before 2020 or after 2099.
    """
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise ControlError.invalid("at", "is not a time", [EXAMPLE]) from None
    if moment.tzinfo is None:
        raise ControlError.invalid("at", "has no time zone", [EXAMPLE])
    micros = int(moment.astimezone(UTC).timestamp() * SECOND)
    _check(micros)
    return micros


def _check(moment: int) -> None:
    if not _EARLIEST <= moment < _LATEST:
        raise ControlError.invalid("at", "is out of range", ["2020 to 2099"])
