"""Run the tasks of the outbox: delete tokens that no saved card uses, and close enrolments that nobody finished."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Final

from tokenvault_server.database.engine import Engine, Work, single_statement
from tokenvault_server.domain.clock import MINUTE, SECOND, Clock
from tokenvault_server.errors import VaultError
from tokenvault_server.store import outbox, tokens
from tokenvault_server.store.outbox import OutboxTask
from tokenvault_server.vault.enrolments import Enrolments

logger = logging.getLogger(__name__)

_BATCH: Final = 100
_CLAIM: Final = MINUTE
SPARE: Final = 20 * SECOND
"""A task starts only while this much of the claim is left. A task makes one call to a provider. The deadline of
`close_enrolment` is 10 s and that of `lifecycle` 5 s (tsp/guarded.py); settings can only shorten them. So at least 10 s
remain to write the result before the claim ends."""
_LONGEST_WAIT: Final = 60 * MINUTE


class OutboxWorker:
    """Runs outbox tasks at least once, in the order of their due times."""

    def __init__(self, engine: Engine, enrolments: Enrolments, clock: Clock) -> None:
        """Run the tasks that `engine` stores."""
        self._engine = engine
        self._clock = clock
        self._enrolments = enrolments

    async def run_due(self) -> int:
        """Try each task that is due once; return how many were finished.

        Processes share the tasks by claims. When a process is killed, its claim ends and others take its tasks. So this
        method must also stop in time when a provider is slow: it releases the tasks that it has no time for.
        """
        claim, start = secrets.token_hex(8), self._clock.now()
        if not await outbox.is_due(self._engine, start):
            return 0
        until = start + _CLAIM
        tasks = await self._engine.commit(lambda: outbox.claim(claim, start, until, _BATCH))
        finished = 0
        for task in tasks:
            if self._clock.now() < until - SPARE:
                finished += await self._try(task, claim)
            else:
                await self._engine.commit(single_statement(outbox.unclaim(task, claim)))
        return finished

    async def _try(self, task: OutboxTask, claim: str) -> bool:
        try:
            writes = await self._run(task, claim)
        except VaultError as error:
            logger.warning("outbox task postponed", extra={"outbox_id": task.outbox_id, "reason": error.code})
            await self._engine.commit(lambda: self._postpone(task, claim))
            return False
        await self._engine.commit(writes)
        return True

    async def _run(self, task: OutboxTask, claim: str) -> Callable[[], Work[None]]:
        """Make the task's call to its provider; return the writes that finish the task."""
        if task.topic == outbox.ENROLMENT:
            return await self._enrolments.give_up(task, claim)
        await self._enrolments.delete_at_provider(task)
        return lambda: self._finish(task, claim)

    def _finish(self, task: OutboxTask, claim: str) -> Work[None]:
        if (yield from outbox.delete(task, claim)) and task.token_index is not None:
            yield tokens.retire(task.merchant_id, task.token_index, self._clock.now())

    def _postpone(self, task: OutboxTask, claim: str) -> Work[None]:
        wait = min(2**task.attempts * SECOND, _LONGEST_WAIT)
        yield outbox.postpone(task, claim, self._clock.now() + wait)
