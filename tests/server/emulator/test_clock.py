"""A clock that is moved wakes what waits on it; one that runs needs no help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.clock import NOW, SettableClock
from tokenvault_server.domain.clock import SECOND, Clock, SystemClock
from tokenvault_server.emulator.clock import MovableClock

DAY_SECONDS = 86_400
RUNNING: list[Callable[[], Clock]] = [SystemClock, lambda: MovableClock(SystemClock())]


@pytest.mark.parametrize("make", RUNNING, ids=["system", "movable"])
async def test_a_running_clock_wakes_a_sleeper_by_itself(make: Callable[[], Clock]) -> None:
    clock = make()
    before = clock.now()
    await clock.sleep(0.001)
    assert clock.now() >= before + SECOND // 1000


def test_a_moved_clock_runs_on_from_where_it_was_set() -> None:
    base = SettableClock()
    clock = MovableClock(base)
    clock.set(NOW + 7)
    base.advance(1)
    assert clock.now() == NOW + 7 + SECOND


def test_a_frozen_clock_stands_still_until_it_is_resumed() -> None:
    base = SettableClock()
    clock = MovableClock(base)
    clock.freeze()
    base.advance(5)
    assert clock.now() == NOW
    clock.advance(2)
    clock.resume()
    base.advance(1)
    assert clock.now() == NOW + 3 * SECOND


async def test_a_move_wakes_those_whose_time_has_come_and_no_others() -> None:
    clock = SettableClock()
    soon, late = (asyncio.create_task(clock.sleep(seconds)) for seconds in (60, DAY_SECONDS))
    await clock.until_asleep(2)
    clock.advance(60)
    await soon
    await clock.until_asleep(1)
    assert not late.done()
    clock.advance(DAY_SECONDS)
    await late


async def test_a_running_clock_that_is_moved_wakes_its_sleepers() -> None:
    clock = MovableClock(SystemClock())
    asleep = asyncio.create_task(clock.sleep(DAY_SECONDS))
    await clock.until_asleep(1)
    clock.advance(DAY_SECONDS)
    await asleep


async def test_freezing_holds_a_sleeper_and_resuming_lets_it_go_on() -> None:
    clock = MovableClock(SystemClock())
    clock.freeze()
    asleep = asyncio.create_task(clock.sleep(0.001))
    await clock.until_asleep(1)
    clock.resume()
    await asleep


async def test_another_thread_may_move_the_clock() -> None:
    clock = SettableClock()
    asleep = asyncio.create_task(clock.sleep(60))
    await clock.until_asleep(1)
    await asyncio.to_thread(clock.advance, 60)
    await asleep


async def test_a_cancelled_sleeper_no_longer_counts() -> None:
    clock = SettableClock()
    asleep = asyncio.create_task(clock.sleep(60))
    await clock.until_asleep(1)
    asleep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asleep
    waiting = asyncio.create_task(clock.until_asleep(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
