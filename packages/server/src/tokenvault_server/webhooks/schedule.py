"""When a failed notification is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.errors import SettingsError

DEFAULT_MINUTES: Final = (2.0, 10.0, 30.0)
"""Cashfree's own default; its dashboard allows up to ten retries."""
_MOST: Final = 10


class Schedule(NamedTuple):
    """How long to wait after each failed attempt, in microseconds."""

    waits: tuple[int, ...]

    def wait_after(self, attempt: int) -> int | None:
        """Give how long to wait after the attempt of this number, counted from one; None when it was the last."""
        return self.waits[attempt - 1] if attempt <= len(self.waits) else None


def schedule_of(minutes: Sequence[float] = DEFAULT_MINUTES) -> Schedule:
    """Give the schedule that a setting names; SettingsError unless it is up to ten waits."""
    if len(minutes) > _MOST or any(not 0 < each <= 24 * 60 for each in minutes):
        raise SettingsError(f"webhook_retry_minutes takes up to {_MOST} waits of at most a day")
    return Schedule(tuple(int(each * MINUTE) for each in minutes))
