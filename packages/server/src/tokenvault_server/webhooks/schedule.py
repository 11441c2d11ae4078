"""When a failed delivery is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.errors import SettingsError

DEFAULT_MINUTES: Final = (2.0, 10.0, 30.0)
"""Cashfree's default. Its dashboard allows up to ten retries."""
_MAX_RETRIES: Final = 10


class Schedule(NamedTuple):
    """How long to wait after each failed attempt, in microseconds."""

    waits: tuple[int, ...]

    def wait_after(self, attempt: int) -> int | None:
        """Return how long to wait after an attempt, in microseconds; None when it was the last. The first is 1."""
        return self.waits[attempt - 1] if attempt <= len(self.waits) else None


def schedule_of(minutes: Sequence[float] = DEFAULT_MINUTES) -> Schedule:
    """Return the schedule for a setting.

    Raises:
        SettingsError: there are more than ten waits, or one of them is not between 0 and 24 hours.
    """
    if len(minutes) > _MAX_RETRIES or any(not 0 < each <= 24 * 60 for each in minutes):
        raise SettingsError(f"webhook_retry_minutes takes up to {_MAX_RETRIES} waits of at most a day")
    return Schedule(tuple(int(each * MINUTE) for each in minutes))
