"""No token is lost between its provider and the vault: what will be asked for is written down before it is asked for.

An enrolment is a row of the outbox. The transaction that saves the card takes it out again. Where it is still there
when its time has come, nothing was saved: the vault crashed, its database was away, or the answer never arrived. A
worker then closes the enrolment at the provider, and what was made for it is deleted, unless another saved card uses
it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.clock import MINUTE, Clock
from tokenvault_server.domain.identifiers import MerchantId, prefixed
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import (
    CardNotSupportedError,
    InvalidFieldError,
    StaleReadError,
    TokenServiceNotAskedError,
    TokenServiceUnavailableError,
)
from tokenvault_server.store import outbox, tokens
from tokenvault_server.store.outbox import OutboxTask
from tokenvault_server.tsp.provider import ProvisionRequest, TokenGrant, TokenServiceProvider
from tokenvault_server.vault.record_sealer import RecordSealer

PATIENCE: Final = 2 * MINUTE
"""Longer than saving ever takes. A shorter time would lose nothing: who saves too late is told so and begins anew."""

_NOTHING_MADE = (CardNotSupportedError, InvalidFieldError, TokenServiceNotAskedError)


class Enrolments:
    """Asks for tokens so that each is either saved or given back."""

    def __init__(self, engine: Engine, sealer: RecordSealer, tsp: TokenServiceProvider, clock: Clock) -> None:
        """Ask `tsp`, and remember in `engine` that it was asked."""
        self._engine = engine
        self._sealer = sealer
        self._tsp = tsp
        self._clock = clock

    async def provision(self, request: ProvisionRequest) -> tuple[TokenGrant, OutboxTask]:
        """Get a token, with the enrolment that whoever saves a card on it must have `kept`."""
        enrolment = await self._begin(request.merchant_id)
        try:
            grant = await self._tsp.provision(replace(request, enrolment_id=enrolment.outbox_id))
        except _NOTHING_MADE:
            await self._engine.commit(lambda: outbox.withdraw(enrolment))
            raise
        return grant, enrolment

    def kept(self, enrolment: OutboxTask) -> Work[None]:
        """End an enrolment in the transaction that saves its card; StaleReadError when a worker has ended it before."""
        if not (yield from outbox.withdraw(enrolment)):
            raise StaleReadError(hint="the enrolment was given up while its card was being saved")

    async def give_up(self, enrolment: OutboxTask, claim: str) -> Callable[[], Work[None]]:
        """Close an enrolment at its provider; give the writes that end it and, if need be, begin the token's end."""
        merchant_id = enrolment.merchant_id
        tsp_id = await self._sealer.open_text(merchant_id, "outbox", enrolment.outbox_id, enrolment.sealed)
        if tsp_id != self._tsp.tsp_id:
            raise TokenServiceUnavailableError(hint=f"the enrolment was made at the provider {tsp_id}")
        reference = await self._tsp.close_enrolment(enrolment.outbox_id)
        if reference is None:
            return lambda: _end(enrolment, claim)
        token_index = await self._sealer.token_index(merchant_id, reference)
        deletion = await self.deletion(merchant_id, token_index, reference)
        return lambda: self._give_back(enrolment, claim, deletion, token_index)

    async def deletion(self, merchant_id: MerchantId, token_index: bytes, reference: TokenReference) -> OutboxTask:
        """Make the errand that has a token deleted at its provider."""
        outbox_id = prefixed("out", self._clock.now())
        sealed = await self._sealer.seal_text(merchant_id, "outbox", outbox_id, reference)
        return OutboxTask(merchant_id, outbox_id, outbox.DELETE_TOKEN, token_index, sealed)

    async def _begin(self, merchant_id: MerchantId) -> OutboxTask:
        now = self._clock.now()
        outbox_id = prefixed("out", now)
        # A token is only ever taken back to its maker.
        sealed = await self._sealer.seal_text(merchant_id, "outbox", outbox_id, self._tsp.tsp_id)
        enrolment = OutboxTask(merchant_id, outbox_id, outbox.ENROLMENT, None, sealed)
        await self._engine.commit(lambda: _insert(enrolment, now))
        return enrolment

    def _give_back(self, enrolment: OutboxTask, claim: str, deletion: OutboxTask, token_index: bytes) -> Work[None]:
        now = self._clock.now()
        if (yield from outbox.delete(enrolment, claim)) and (
            yield from tokens.abandon(enrolment.merchant_id, token_index, now)
        ):
            yield outbox.insert(deletion, now)


def _insert(enrolment: OutboxTask, now: int) -> Work[None]:
    yield outbox.insert(enrolment, now, due_at=now + PATIENCE)


def _end(enrolment: OutboxTask, claim: str) -> Work[None]:
    yield from outbox.delete(enrolment, claim)
