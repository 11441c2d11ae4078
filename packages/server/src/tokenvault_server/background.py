"""Small loops beside the API: errands, audit checkpoints, what is to be forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from tokenvault_server.errors import VaultError

logger = logging.getLogger(__name__)

Act = Callable[[], Awaitable[object]]


class PeriodicTask(NamedTuple):
    """Something to do again and again."""

    seconds: float
    act: Act


@dataclass(frozen=True, slots=True)
class BackgroundTasks:
    """What has to happen although nobody called."""

    tasks: tuple[PeriodicTask, ...]

    async def run(self) -> None:
        """Run every loop until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for task in self.tasks:
                tasks.create_task(run_periodically(*task))


async def run_periodically(seconds: float, act: Act) -> None:
    """Do something again and again; a failure is logged and tried again the next time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except VaultError as error:
            logger.warning("will be tried again", extra={"task": act.__qualname__, "hint": error.hint or error.message})
        except Exception:
            logger.exception("will be tried again", extra={"task": act.__qualname__})
