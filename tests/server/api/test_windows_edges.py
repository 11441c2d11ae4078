"""The very microsecond at which a call begins or ceases to count, and which windows stay."""

from __future__ import annotations

import pytest

from tests.support.clock import NOW, SettableClock
from tokenvault_server.api import windows as module
from tokenvault_server.api.windows import EXACT_UP_TO, Window, Windows
from tokenvault_server.domain.clock import MINUTE, SECOND

COARSE = EXACT_UP_TO + 1
STEP = SECOND // 20
A, B, C = ("ip", "a"), ("ip", "b"), ("ip", "c")


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


def test_a_window_that_is_open_is_not_begun_again() -> None:
    windows = Windows()
    windows.open(A).count(NOW, 1)
    assert windows.open(A) is windows.open(A)
    assert windows.open(A).slide(NOW) == 1


def test_there_are_as_many_windows_as_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_WINDOWS", 2)
    windows = Windows()
    kept = [windows.open(A), windows.open(B)]
    assert [windows.get(A), windows.get(B)] == kept
    windows.open(C)
    assert windows.get(A) is None
    assert windows.get(B) is kept[1]


def test_sweeping_lets_go_of_quiet_windows_alone() -> None:
    windows = Windows()
    windows.open(A).count(NOW, 1)
    windows.open(B).count(NOW + 1, 1)
    list(windows.sweep(SettableClock(NOW + MINUTE).now))
    assert windows.get(A) is None
    assert windows.open(B).spent == 1


def test_what_happens_while_a_sweep_pauses_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SWEPT_AT_ONCE", 1)
    windows, clock = Windows(), SettableClock(NOW + MINUTE)
    for place in (A, B, C):
        windows.open(place).count(NOW, 1)
    sweep = windows.sweep(clock.now)
    next(sweep)
    assert [place for place in (A, B, C) if windows.get(place) is None] == [A]
    clock.advance(seconds=1)
    kept = windows.open(B)
    kept.count(clock.now(), 1)
    windows.open(A)
    assert list(sweep) == [None, None]
    assert windows.get(A) is not None
    assert windows.get(B) is kept
    assert kept.spent == 1
    assert windows.get(C) is None
