"""Carries out what the outbox holds: deletes tokens that nobody uses, gives up enrolments that nobody finished."""

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
_SPARE: Final = 20 * SECOND
"""An errand is begun only while this much of the claim is left: twice as long as a provider may take."""
_LONGEST_WAIT: Final = 60 * MINUTE


class OutboxWorker:
    """Delivers the outbox, at least once and in the order of its due times."""

    def __init__(self, engine: Engine, enrolments: Enrolments, clock: Clock) -> None:
        """Carry out the tasks that `engine` keeps."""
        self._engine = engine
        self._clock = clock
        self._enrolments = enrolments

    async def run_due(self) -> int:
        """Try the errands whose time has come, once; give how many were done.

        Several workers share them by claims. One that is killed leaves its own to the others when its claim ends; so
        it stops in time itself, when a provider is slow.
        """
        claim, start = secrets.token_hex(8), self._clock.now()
        if not await outbox.is_due(self._engine, start):
            return 0
        until = start + _CLAIM
        outbox_tasks = await self._engine.commit(lambda: outbox.claim(claim, start, until, _BATCH))
        done = 0
        for task in outbox_tasks:
            if self._clock.now() < until - _SPARE:
                done += await self._try(task, claim)
            else:
                await self._engine.commit(single_statement(outbox.unclaim(task, claim)))
        return done

    async def _try(self, task: OutboxTask, claim: str) -> bool:
        try:
            finish = await self._carry_out(task, claim)
        except VaultError as error:
            logger.warning("errand postponed", extra={"outbox_id": task.outbox_id, "reason": error.code})
            await self._engine.commit(lambda: self._postpone(task, claim))
            return False
        await self._engine.commit(finish)
        return True

    async def _carry_out(self, task: OutboxTask, claim: str) -> Callable[[], Work[None]]:
        """Do what there is to do at the provider; give what is to be written afterwards."""
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
