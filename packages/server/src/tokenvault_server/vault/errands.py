"""Carries out what the outbox holds: deletes tokens that nobody uses, gives up enrolments that nobody finished."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Final

from tokenvault_server.database.engine import Engine, Work, alone
from tokenvault_server.domain.clock import MINUTE, SECOND, Clock
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import VaultError
from tokenvault_server.store import outbox, tokens
from tokenvault_server.store.outbox import Errand
from tokenvault_server.tsp.provider import LifecycleAction, TokenServiceProvider
from tokenvault_server.vault.custody import Custody
from tokenvault_server.vault.enrolments import Enrolments

logger = logging.getLogger(__name__)

_BATCH: Final = 100
_CLAIM: Final = MINUTE
_SPARE: Final = 20 * SECOND
"""An errand is begun only while this much of the claim is left: twice as long as a provider may take."""
_LONGEST_WAIT: Final = 60 * MINUTE


class Errands:
    """Delivers the outbox, at least once and in the order of its due times."""

    def __init__(self, engine: Engine, custody: Custody, tsp: TokenServiceProvider, clock: Clock) -> None:
        """Tell `tsp` what `engine` remembers to be told."""
        self._engine = engine
        self._custody = custody
        self._tsp = tsp
        self._clock = clock
        self._enrolments = Enrolments(engine, custody, tsp, clock)

    async def run_due(self) -> int:
        """Try the errands whose time has come, once; give how many were done.

        Several workers share them by claims. One that is killed leaves its own to the others when its claim ends; so
        it stops in time itself, when a provider is slow.
        """
        claim, start = secrets.token_hex(8), self._clock.now()
        if not await outbox.is_due(self._engine, start):
            return 0
        until = start + _CLAIM
        errands = await self._engine.commit(lambda: outbox.claim(claim, start, until, _BATCH))
        done = 0
        for errand in errands:
            if self._clock.now() < until - _SPARE:
                done += await self._try(errand, claim)
            else:
                await self._engine.commit(alone(outbox.unclaim(errand, claim)))
        return done

    async def _try(self, errand: Errand, claim: str) -> bool:
        try:
            finish = await self._carry_out(errand, claim)
        except VaultError as error:
            logger.warning("errand postponed", extra={"outbox_id": errand.outbox_id, "reason": error.code})
            await self._engine.commit(lambda: self._postpone(errand, claim))
            return False
        await self._engine.commit(finish)
        return True

    async def _carry_out(self, errand: Errand, claim: str) -> Callable[[], Work[None]]:
        """Do what there is to do at the provider; give what is to be written afterwards."""
        if errand.topic == outbox.ENROLMENT:
            return await self._enrolments.give_up(errand, claim)
        reference = await self._custody.open_text(errand.merchant_id, "outbox", errand.outbox_id, errand.sealed)
        await self._tsp.lifecycle(TokenReference(reference), LifecycleAction.DELETE, "no saved card uses it")
        return lambda: self._finish(errand, claim)

    def _finish(self, errand: Errand, claim: str) -> Work[None]:
        if (yield from outbox.delete(errand, claim)) and errand.token_index is not None:
            yield tokens.retire(errand.merchant_id, errand.token_index, self._clock.now())

    def _postpone(self, errand: Errand, claim: str) -> Work[None]:
        wait = min(2**errand.attempts * SECOND, _LONGEST_WAIT)
        yield outbox.postpone(errand, claim, self._clock.now() + wait)
