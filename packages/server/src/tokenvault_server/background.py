"""Periodic tasks beside the API: the outbox, deliveries, audit checkpoints, sweeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.tracebacks import described
from tokenvault_server.errors import VaultError
from tokenvault_server.telemetry.process_metrics import ProcessMetrics

logger = logging.getLogger(__name__)

Act = Callable[[], Awaitable[object]]


class PeriodicTask(NamedTuple):
    """An action that is repeated until it is stopped."""

    seconds: float
    """How long the clock runs between the end of one run and the start of the next."""
    act: Act


class BackgroundTasks:
    """The periodic tasks of one process."""

    def __init__(
        self,
        clock: Clock,
        tasks: Iterable[PeriodicTask],
        finish_seconds: float = 5.0,
        metrics: ProcessMetrics | None = None,
    ) -> None:
        """Repeat `tasks` by `clock`; `stop` gives runs under way `finish_seconds` of the event loop's time."""
        self._metrics = metrics
        self._clock = clock
        self._tasks = tuple(tasks)
        self._finish_seconds = finish_seconds
        self._running: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self._tasks)

    def start(self) -> None:
        """Start every task."""
        if self._metrics:
            for task in self._tasks:
                self._metrics.watch_task(name_of(task.act))
        self._running = [
            asyncio.create_task(run_periodically(self._clock, *task, self._metrics)) for task in self._tasks
        ]

    async def stop(self) -> None:
        """Stop every task; a run under way is finished first, and cancelled when it takes too long."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        if running:
            _, late = await asyncio.wait(running, timeout=self._finish_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def name_of(act: Act) -> str:
    """Return the name of a task in logs and metrics."""
    return act.__qualname__


async def run_periodically(clock: Clock, seconds: float, act: Act, metrics: ProcessMetrics | None = None) -> None:
    """Act each time the clock has run, or was moved, by `seconds`. Cancelled while it acts, finish that first."""
    while True:
        await clock.sleep(seconds)
        acting = asyncio.create_task(run_once(act, metrics))
        try:
            await asyncio.shield(acting)
        except asyncio.CancelledError:
            await acting  # a flush that is cancelled halfway would lose what it counted
            raise


async def run_once(act: Act, metrics: ProcessMetrics | None = None) -> None:
    """Act; log and count a failure, so that the task goes on."""
    try:
        await act()
    except VaultError as error:
        logger.warning("will be tried again", extra={"task": name_of(act), "hint": error.hint or error.message})
    except Exception as error:  # noqa: BLE001  # whatever failed, the task goes on
        logger.error("will be tried again", extra={"task": name_of(act), **described(error)})  # noqa: TRY400
    else:
        return
    if metrics:
        metrics.task_failed(name_of(act))
