"""A minute that slides: exact up to a limit, counted in small steps above it, and small in memory either way."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import NOW, SettableClock
from tokenvault_server.api.windows import EXACT_UP_TO, Window, Windows
from tokenvault_server.domain.clock import MINUTE, SECOND

COARSE = EXACT_UP_TO + 1
STEP = SECOND // 20
A, B, C = ("ip", "a"), ("ip", "b"), ("ip", "c")


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


def test_a_clock_set_back_locks_no_caller_out() -> None:
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
def test_there_is_room_after_the_stated_seconds(passed: int) -> None:
    window = Window()
    window.count(NOW, 1)
    wait = window.seconds_to_wait(NOW + passed)
    assert 1 <= wait <= 59
    assert window.slide(NOW + passed + wait * SECOND) == 0


def test_no_wait_is_longer_than_the_document_says() -> None:
    assert Window().seconds_to_wait(NOW) == 59


def counted(at: int = NOW, limit: int = 1, times: int = 1) -> Window:
    window = Window()
    for _ in range(times):
        window.slide(at)
        window.count(at, limit)
    return window


@pytest.mark.parametrize("limit", [1, EXACT_UP_TO])
def test_an_exact_call_counts_for_a_minute_to_the_microsecond(limit: int) -> None:
    window = counted(NOW + 1, limit)
    assert window.slide(NOW + MINUTE) == 1
    assert window.slide(NOW + MINUTE + 1) == 0


@pytest.mark.parametrize("within", [0, 1, STEP - 1])
def test_a_coarse_call_counts_to_the_end_of_its_step(within: int) -> None:
    window = counted(NOW + within, COARSE)
    assert window.slide(NOW + within) == 1
    assert window.slide(NOW + STEP + MINUTE - 1) == 1
    assert window.slide(NOW + STEP + MINUTE) == 0


def test_the_calls_of_one_step_end_together() -> None:
    window = counted(NOW, COARSE, times=3)
    window.count(NOW + STEP, COARSE)
    assert window.slide(NOW + STEP) == 4
    assert window.slide(NOW + STEP + MINUTE) == 1
    assert window.slide(NOW + 2 * STEP + MINUTE) == 0


def test_a_clock_set_back_by_a_step_forgets_nothing_and_by_more_everything() -> None:
    assert counted().slide(NOW - STEP) == 1
    window = counted(times=2)
    assert window.slide(NOW - STEP - 1) == 0
    window.count(NOW - STEP - 1, 1)
    assert window.slide(NOW - STEP - 1) == 1
    assert window.slide(NOW + MINUTE) == 0


def test_the_oldest_call_says_how_long_to_wait() -> None:
    window = counted()
    window.count(NOW + 30 * SECOND, 2)
    assert window.seconds_to_wait(NOW + 40 * SECOND) == 20


def test_an_open_window_is_opened_again_with_its_calls() -> None:
    windows = Windows()
    windows.open(A).count(NOW, 1)
    assert windows.open(A) is windows.open(A)
    assert windows.open(A).slide(NOW) == 1


def test_a_full_collection_drops_its_oldest_window() -> None:
    windows = Windows(max_windows=2)
    kept = [windows.open(A), windows.open(B)]
    assert [windows.get(A), windows.get(B)] == kept
    windows.open(C)
    assert windows.get(A) is None
    assert windows.get(B) is kept[1]


def test_a_sweep_drops_quiet_windows_only() -> None:
    windows = Windows()
    windows.open(A).count(NOW, 1)
    windows.open(B).count(NOW + 1, 1)
    list(windows.sweep(SettableClock(NOW + MINUTE).now))
    assert windows.get(A) is None
    assert windows.open(B).spent == 1


def test_a_sweep_keeps_calls_that_arrive_while_it_pauses() -> None:
    windows, clock = Windows(swept_at_once=1), SettableClock(NOW + MINUTE)
    for key in (A, B, C):
        windows.open(key).count(NOW, 1)
    sweep = windows.sweep(clock.now)
    next(sweep)
    assert [key for key in (A, B, C) if windows.get(key) is None] == [A]
    clock.advance(seconds=1)
    kept = windows.open(B)
    kept.count(clock.now(), 1)
    windows.open(A)
    assert list(sweep) == [None, None]
    assert windows.get(A) is not None
    assert windows.get(B) is kept
    assert kept.spent == 1
    assert windows.get(C) is None
