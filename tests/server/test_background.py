"""The worker's loops go on, whatever one turn ran into."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.support.builders import a_deleted_card, a_saved_card, sql
from tokenvault_server.background import run_periodically
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import StoreError


class PeriodicTask:
    """Fails with each of the given errors in turn, then succeeds and says so."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.turns = 0
        self.done = asyncio.Event()

    async def act(self) -> None:
        self.turns += 1
        if self.errors:
            raise self.errors.pop(0)
        self.done.set()


async def turned(task: PeriodicTask) -> None:
    loop = asyncio.create_task(run_periodically(0, task.act))
    async with asyncio.timeout(5):
        await task.done.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_a_loop_goes_on_after_failures_of_both_kinds(caplog: pytest.LogCaptureFixture) -> None:
    task = PeriodicTask(StoreError("locked", hint="look at the disk"), ValueError("unforeseen"))
    with caplog.at_level(logging.WARNING):
        await turned(task)
    assert task.turns >= 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


async def test_a_failure_is_logged_with_its_hint(caplog: pytest.LogCaptureFixture) -> None:
    await turned(PeriodicTask(StoreError("locked", hint="look at the disk")))
    assert vars(caplog.records[0])["hint"] == "look at the disk"


async def test_a_loop_ends_when_it_is_cancelled() -> None:
    task = asyncio.create_task(run_periodically(3600, PeriodicTask().act))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_vaults_worker_runs_until_it_is_cancelled(vault: Vault, caller: Caller) -> None:
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    working = asyncio.create_task(vault.background_tasks().run())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await sql(vault.engine, "SELECT COUNT(*) FROM outbox") == [(1,)]
