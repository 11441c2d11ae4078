"""The waits after failures are Cashfree's by default, can be set, and are ten at most."""

from __future__ import annotations

import pytest

from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.errors import SettingsError
from tokenvault_server.webhooks.schedule import schedule_of


def test_the_default_waits_are_2_10_and_30_minutes() -> None:
    assert [schedule_of().wait_after(attempt) for attempt in (1, 2, 3, 4)] == [
        2 * MINUTE,
        10 * MINUTE,
        30 * MINUTE,
        None,
    ]


def test_without_waits_the_first_attempt_is_the_last() -> None:
    assert schedule_of([]).wait_after(1) is None


@pytest.mark.parametrize("minutes", [[1] * 11, [0], [-1], [24 * 60 + 1], [float("nan")]], ids=str)
def test_invalid_waits_are_a_settings_error(minutes: list[float]) -> None:
    with pytest.raises(SettingsError, match="webhook_retry_minutes"):
        schedule_of(minutes)
