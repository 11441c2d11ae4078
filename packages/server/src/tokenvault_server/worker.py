"""Small loops beside the API: errands, audit checkpoints, what is to be forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tokenvault_server.errors import VaultError
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.errands import Errands

logger = logging.getLogger(__name__)

_ERRANDS_SECONDS = 1.0
_SWEEP_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Worker:
    """What has to happen although nobody called."""

    errands: Errands
    audit: AuditTrail
    sweeps: tuple[Callable[[], Awaitable[object]], ...]
    """What forgets things whose time is over."""
    checkpoint_seconds: float

    async def run(self) -> None:
        """Run every loop until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(every(_ERRANDS_SECONDS, self.errands.run_due))
            tasks.create_task(every(self.checkpoint_seconds, self.audit.checkpoint))
            for sweep in self.sweeps:
                tasks.create_task(every(_SWEEP_SECONDS, sweep))


async def every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """Do something again and again; a failure is logged and tried again the next time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except VaultError as error:
            logger.warning("will be tried again", extra={"task": act.__qualname__, "hint": error.hint or error.message})
        except Exception:
            logger.exception("will be tried again", extra={"task": act.__qualname__})
