"""Periodic tasks wait on the clock and go on after failures; stopping them finishes the runs under way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.support.builders import a_deleted_card, a_saved_card, sql
from tests.support.clock import SettableClock
from tokenvault_server.background import BackgroundTasks, PeriodicTask
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import StoreError
from tokenvault_server.telemetry.process_metrics import ProcessMetrics

HOUR = 3600


class Failing:
    """Fails with each of some errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = 0

    async def act(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)


class Slow:
    """Runs until it is released."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.is_finished = False

    async def act(self) -> None:
        self.started.set()
        await self.released.wait()
        self.is_finished = True


async def run_hourly(clock: SettableClock, task: Failing, hours: int) -> None:
    tasks = BackgroundTasks(clock, [PeriodicTask(HOUR, task.act)])
    tasks.start()
    for _ in range(hours):
        await clock.until_asleep(1)
        clock.advance(HOUR)
    await clock.until_asleep(1)
    await tasks.stop()


async def test_failed_runs_are_counted_from_zero(clock: SettableClock) -> None:
    task, metrics = Failing(StoreError("locked"), ValueError("a bug")), ProcessMetrics("parent")
    tasks = BackgroundTasks(clock, [PeriodicTask(HOUR, task.act)], metrics=metrics)
    tasks.start()
    for expected in (0, 1, 2, 2):
        await clock.until_asleep(1)
        labels = {"role": "parent", "task": "Failing.act"}
        name = "tokenvault_background_task_failures_total"
        assert metrics.registry.get_sample_value(name, labels) == expected
        clock.advance(HOUR)
    await tasks.stop()


async def test_a_task_runs_each_time_its_clock_moved_far_enough(clock: SettableClock) -> None:
    task = Failing()
    await run_hourly(clock, task, 3)
    assert task.runs == 3


async def test_a_task_does_not_run_before_its_time(clock: SettableClock) -> None:
    task = Failing()
    tasks = BackgroundTasks(clock, [PeriodicTask(HOUR, task.act)])
    tasks.start()
    await clock.until_asleep(1)
    clock.advance(HOUR - 1)
    await clock.until_asleep(1)
    await tasks.stop()
    assert task.runs == 0


async def test_a_task_runs_once_however_far_its_clock_moved(clock: SettableClock) -> None:
    task = Failing()
    tasks = BackgroundTasks(clock, [PeriodicTask(HOUR, task.act)])
    tasks.start()
    await clock.until_asleep(1)
    clock.advance(days=31)
    await clock.until_asleep(1)
    await tasks.stop()
    assert task.runs == 1


async def test_a_clock_set_back_keeps_no_task_waiting(clock: SettableClock) -> None:
    task = Failing()
    tasks = BackgroundTasks(clock, [PeriodicTask(HOUR, task.act)])
    tasks.start()
    for move in (-31 * 24 * HOUR, HOUR):
        await clock.until_asleep(1)
        clock.advance(move)
    await clock.until_asleep(1)
    await tasks.stop()
    assert task.runs == 1


async def test_a_task_goes_on_after_failures_of_both_kinds(
    clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    task = Failing(StoreError("locked", hint="look at the disk"), ValueError("unforeseen"))
    with caplog.at_level(logging.WARNING):
        await run_hourly(clock, task, 3)
    assert task.runs == 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


async def test_a_failure_is_logged_with_its_hint(clock: SettableClock, caplog: pytest.LogCaptureFixture) -> None:
    await run_hourly(clock, Failing(StoreError("locked", hint="look at the disk")), 1)
    assert vars(caplog.records[0])["hint"] == "look at the disk"


async def test_stopping_finishes_a_run_under_way(clock: SettableClock) -> None:
    slow = Slow()
    tasks = BackgroundTasks(clock, [PeriodicTask(0, slow.act)])
    tasks.start()
    await slow.started.wait()
    stopping = asyncio.create_task(tasks.stop())
    await asyncio.sleep(0)
    slow.released.set()
    await stopping
    assert slow.is_finished


async def test_stopping_cancels_a_run_that_takes_too_long(clock: SettableClock) -> None:
    slow = Slow()
    tasks = BackgroundTasks(clock, [PeriodicTask(0, slow.act)], finish_seconds=0)
    tasks.start()
    await slow.started.wait()
    await tasks.stop()
    assert not slow.is_finished


async def test_tasks_that_were_not_started_can_be_stopped(clock: SettableClock) -> None:
    await BackgroundTasks(clock, []).stop()


async def test_the_tasks_of_a_vault_can_be_stopped_at_once(vault: Vault, caller: Caller) -> None:
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    tasks = vault.background_tasks()
    tasks.start()
    await tasks.stop()
    assert await sql(vault.engine, "SELECT COUNT(*) FROM outbox") == [(1,)]
