"""Carries out what the outbox holds: at the moment, deleting tokens at their provider once nobody uses them."""

from __future__ import annotations

import logging

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.clock import MINUTE, SECOND, Clock
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import VaultError
from tokenvault_server.store import outbox, tokens
from tokenvault_server.store.outbox import Errand
from tokenvault_server.tsp.provider import LifecycleAction, TokenServiceProvider
from tokenvault_server.vault.custody import Custody

logger = logging.getLogger(__name__)

_BATCH = 100
_LONGEST_WAIT = 60 * MINUTE


class Errands:
    """Delivers the outbox, at least once and in the order of its due times."""

    def __init__(self, engine: Engine, custody: Custody, tsp: TokenServiceProvider, clock: Clock) -> None:
        """Tell `tsp` what `engine` remembers to be told."""
        self._engine = engine
        self._custody = custody
        self._tsp = tsp
        self._clock = clock

    async def run_due(self) -> int:
        """Try every errand whose time has come, once; give how many were done."""
        done = 0
        for errand in await outbox.due(self._engine, self._clock.now(), _BATCH):
            done += await self._try(errand)
        return done

    async def _try(self, errand: Errand) -> bool:
        try:
            reference = await self._custody.open_text(errand.merchant_id, "outbox", errand.outbox_id, errand.sealed)
            await self._tsp.lifecycle(
                TokenReference(reference), LifecycleAction.DELETE, "its last saved card was deleted"
            )
        except VaultError as error:
            logger.warning("errand postponed", extra={"outbox_id": errand.outbox_id, "reason": error.code})
            await self._engine.commit(lambda: self._postpone(errand))
            return False
        await self._engine.commit(lambda: self._finish(errand))
        return True

    def _finish(self, errand: Errand) -> Work[None]:
        yield outbox.delete(errand)
        if errand.token_index is not None:
            yield tokens.retire(errand.merchant_id, errand.token_index, self._clock.now())

    def _postpone(self, errand: Errand) -> Work[None]:
        wait = min(2**errand.attempts * SECOND, _LONGEST_WAIT)
        yield outbox.postpone(errand, self._clock.now() + wait)
