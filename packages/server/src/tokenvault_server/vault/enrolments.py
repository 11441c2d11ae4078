"""Enrolments record each request for a token before it is made, so that no token is lost.

An enrolment is a row of the outbox that names the provider. The transaction that saves the card deletes the row. A row
that is still there when it is due stands for a card that was not saved: the vault crashed, its database was away, or
the answer never arrived. A background task then closes the enrolment at the same provider. A token that was created for
it is deleted, unless another saved card uses it by then.
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
)
from tokenvault_server.store import outbox, tokens
from tokenvault_server.store.outbox import OutboxTask
from tokenvault_server.tsp.provider import LifecycleAction, ProvisionRequest, TokenGrant, TokenKey
from tokenvault_server.tsp.routing import Providers
from tokenvault_server.vault.record_sealer import RecordSealer

PATIENCE: Final = 2 * MINUTE
"""The time until an enrolment is given up: longer than saving a card takes. If it is too short, nothing is lost: the
call that saves the card starts again."""

_NO_TOKEN_CREATED = (CardNotSupportedError, InvalidFieldError, TokenServiceNotAskedError)


class Enrolments:
    """Requests tokens so that each one is saved with a card or deleted at its provider."""

    def __init__(self, engine: Engine, sealer: RecordSealer, providers: Providers, clock: Clock) -> None:
        """Request tokens from `providers`, and record in `engine` which of them received a request."""
        self._engine = engine
        self._sealer = sealer
        self._providers = providers
        self._clock = clock

    async def provision(self, tsp_id: str, request: ProvisionRequest) -> tuple[TokenGrant, OutboxTask]:
        """Return a token of a provider, and the enrolment to pass to `finish` when a card is saved on the token."""
        provider = self._providers.by_id(tsp_id)
        enrolment = await self._begin(request.merchant_id, tsp_id)
        try:
            grant = await provider.provision(replace(request, enrolment_id=enrolment.outbox_id))
        except _NO_TOKEN_CREATED:
            await self._engine.commit(lambda: outbox.withdraw(enrolment))
            raise
        return grant, enrolment

    def finish(self, enrolment: OutboxTask) -> Work[None]:
        """End an enrolment in the transaction that saves its card.

        Raises:
            StaleReadError: the enrolment was given up before.
        """
        if not (yield from outbox.withdraw(enrolment)):
            raise StaleReadError(hint="the enrolment was given up while its card was being saved")

    async def give_up(self, enrolment: OutboxTask, claim: str) -> Callable[[], Work[None]]:
        """Close an enrolment at its provider; return the writes that end it and start the deletion of its token."""
        merchant_id = enrolment.merchant_id
        tsp_id = await self._sealer.open_text(merchant_id, "outbox", enrolment.outbox_id, enrolment.sealed)
        reference = await self._providers.by_id(tsp_id).close_enrolment(enrolment.outbox_id)
        if reference is None:
            return lambda: _end(enrolment, claim)
        token_index = await self._sealer.token_index(merchant_id, tsp_id, reference)
        deletion = await self.deletion(merchant_id, tsp_id, token_index, reference)
        return lambda: self._queue_deletion(enrolment, claim, deletion, token_index)

    async def deletion(
        self, merchant_id: MerchantId, tsp_id: str, token_index: bytes, reference: TokenReference
    ) -> OutboxTask:
        """Return the outbox task that deletes a token at the provider that created it."""
        outbox_id = prefixed("out", self._clock.now())
        sealed = await self._sealer.seal_text(merchant_id, "outbox", outbox_id, f"{tsp_id}\n{reference}")
        return OutboxTask(merchant_id, outbox_id, outbox.DELETE_TOKEN, token_index, sealed)

    async def delete_at_provider(self, task: OutboxTask) -> None:
        """Run a task of `deletion`: delete the token."""
        text = await self._sealer.open_text(task.merchant_id, "outbox", task.outbox_id, task.sealed)
        # Tasks of earlier versions name no provider, because there was one only. A reference has no line break.
        tsp_id, _, reference = text.rpartition("\n")
        key = TokenKey(task.merchant_id, reference)
        await self._providers.by_id(tsp_id or "local").lifecycle(key, LifecycleAction.DELETE, "no saved card uses it")

    async def _begin(self, merchant_id: MerchantId, tsp_id: str) -> OutboxTask:
        now = self._clock.now()
        outbox_id = prefixed("out", now)
        sealed = await self._sealer.seal_text(merchant_id, "outbox", outbox_id, tsp_id)
        enrolment = OutboxTask(merchant_id, outbox_id, outbox.ENROLMENT, None, sealed)
        await self._engine.commit(lambda: _insert(enrolment, now))
        return enrolment

    def _queue_deletion(
        self, enrolment: OutboxTask, claim: str, deletion: OutboxTask, token_index: bytes
    ) -> Work[None]:
        now = self._clock.now()
        if (yield from outbox.delete(enrolment, claim)) and (
            yield from tokens.abandon(enrolment.merchant_id, token_index, now)
        ):
            yield outbox.insert(deletion, now)


def _insert(enrolment: OutboxTask, now: int) -> Work[None]:
    yield outbox.insert(enrolment, now, due_at=now + PATIENCE)


def _end(enrolment: OutboxTask, claim: str) -> Work[None]:
    yield from outbox.delete(enrolment, claim)
