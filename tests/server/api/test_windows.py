"""A minute that slides: exact up to a limit, counted in small steps above it, and small in memory either way."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import NOW
from tokenvault_server.api.windows import EXACT_UP_TO, Window
from tokenvault_server.domain.clock import MINUTE, SECOND

COARSE = EXACT_UP_TO + 1
STEP = SECOND // 20


def attempt(window: Window, now: int, limit: int) -> bool:
    """Counts a call unless it is one too many, and tells which."""
    if window.slide(now) >= limit:
        return False
    window.count(now, limit)
    return True


def in_the_minute_before(passed: list[int], now: int) -> int:
    return len([at for at in passed if at > now - MINUTE])


@given(st.lists(st.integers(0, 40 * SECOND), max_size=40))
def test_a_call_passes_exactly_when_its_minute_has_room(pauses: list[int]) -> None:
    window, now, passed = Window(), NOW, list[int]()
    for pause in pauses:
        now += pause
        has_room = in_the_minute_before(passed, now) < 3
        assert attempt(window, now, 3) is has_room
        passed += [now] * has_room


@given(st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(1, 2 * COARSE)), max_size=8))
def test_above_that_no_minute_ever_has_more_than_the_limit(bursts: list[tuple[int, int]]) -> None:
    window, now, passed = Window(), NOW, list[int]()
    for pause, calls in bursts:
        now += pause
        taken = sum(attempt(window, now, COARSE) for _ in range(calls))
        passed += [now] * taken
        assert in_the_minute_before(passed, now) <= COARSE
        # What it holds back too long is at most a step older than a minute.
        assert taken >= min(calls, COARSE - in_the_minute_before(passed[: len(passed) - taken], now - STEP))


@pytest.mark.parametrize("limit", [EXACT_UP_TO, 1_000_000_000])
def test_a_busy_minute_stays_small(limit: int) -> None:
    tracemalloc.start()
    window, now = Window(), NOW
    for _ in range(60_000):
        now += MINUTE // 60_000
        attempt(window, now, limit)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 300_000


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    window = Window()
    assert [attempt(window, NOW, 1) for _ in range(2)] == [True, False]
    assert attempt(window, NOW - 3600 * SECOND, 1)


def test_a_limit_that_is_raised_and_lowered_keeps_what_was_spent() -> None:
    window = Window()
    for limit in (2, COARSE, 2):
        window.slide(NOW)
        window.count(NOW, limit)
    assert window.slide(NOW + SECOND) == 3
    assert window.slide(NOW + MINUTE + STEP) == 0


@given(st.integers(SECOND, MINUTE - 1))
def test_after_the_told_seconds_there_is_room(passed: int) -> None:
    window = Window()
    window.count(NOW, 1)
    wait = window.seconds_to_wait(NOW + passed)
    assert 1 <= wait <= 59
    assert window.slide(NOW + passed + wait * SECOND) == 0


def test_nobody_is_told_to_wait_longer_than_the_document_says() -> None:
    assert Window().seconds_to_wait(NOW) == 59
