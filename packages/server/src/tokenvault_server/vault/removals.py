"""Remove merchants and partners: nothing is left that works, and the audit trail stays.

A removal is a suspension, many small transactions, and a last one that marks the row. After a crash at any point the
merchant is suspended, and the same command goes on with what is left. Each card is deleted like by a call of its
merchant: a tombstone, an outbox task that deletes the token at its provider, and an audit entry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    CardsNotDeletedError,
    InstrumentNotFoundError,
    RowNotAuthenticError,
    SealBrokenError,
    StaleReadError,
)
from tokenvault_server.store import instruments as instrument_store
from tokenvault_server.store import outbox
from tokenvault_server.vault.account_states import AccountStates
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.outbox import OutboxWorker
from tokenvault_server.vault.partners import Partners
from tokenvault_server.vault.rate_limits import OwnLimits
from tokenvault_server.vault.webhooks import Webhooks

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 8
"""How many cards are deleted at the same time: fewer than a server has connections."""
_PAGE: Final = 200
_ATTEMPTS: Final = 5

Progress = Callable[[int, int], None]
"""Receives how many cards are deleted, and how many there were at the beginning."""


class RemovedMerchant(NamedTuple):
    """What a removal of a merchant deleted or ended."""

    cards: int
    secrets: int
    signature_keys: int
    partner_links: int
    limits: int
    endpoints: int


class RemovedPartner(NamedTuple):
    """What a removal of a partner deleted or ended."""

    keys: int
    links: int
    endpoints: int


class Removals:
    """Removes merchants and partners, for operators."""

    def __init__(  # noqa: PLR0913, PLR0917  # everything that belongs to a merchant or a partner
        self,
        engine: Engine,
        states: AccountStates,
        merchants: Merchants,
        partners: Partners,
        client_signatures: ClientSignatures,
        instruments: Instruments,
        own_limits: OwnLimits,
        webhooks: Webhooks,
        outbox_tasks: OutboxWorker,
    ) -> None:
        """Delete what belongs to them through the parts that manage it."""
        self._engine = engine
        self._states = states
        self._merchants = merchants
        self._partners = partners
        self._client_signatures = client_signatures
        self._instruments = instruments
        self._own_limits = own_limits
        self._webhooks = webhooks
        self._outbox_tasks = outbox_tasks

    async def remove_merchant(
        self, merchant_id: MerchantId, actor: str, reason: str, progress: Progress = lambda _deleted, _all: None
    ) -> RemovedMerchant:
        """Suspend a merchant, delete its cards, end its credentials, and mark it as removed.

        Raises:
            MerchantNotFoundError: no merchant has this id.
            AccountRemovedError: it was removed before.
            CardsNotDeletedError: some cards cannot be deleted; the merchant stays suspended.
            AccountChangedError: it was resumed meanwhile.
        """
        suspended = await self._states.suspend_merchant(merchant_id, actor, reason)
        cards = await self._delete_cards(Caller(merchant_id, actor), progress)
        done = RemovedMerchant(
            cards=cards,
            secrets=await self._revoke_secrets(merchant_id, actor),
            signature_keys=await self._end_signature_keys(merchant_id, actor),
            partner_links=await self._unlink_partners(merchant_id, actor),
            limits=await self._clear_limits(merchant_id, actor),
            endpoints=await self._remove_endpoints(merchant_id, actor),
        )
        await self._states.end_merchant(suspended, actor, {"reason": reason, **done._asdict()})
        return done

    async def remove_partner(self, partner_id: PartnerId, actor: str, reason: str) -> RemovedPartner:
        """Suspend a partner, end its keys, links and endpoints, and mark it as removed.

        Raises:
            PartnerNotFoundError: no partner has this id.
            AccountRemovedError: it was removed before.
            AccountChangedError: it was resumed meanwhile.
        """
        suspended = await self._states.suspend_partner(partner_id, actor, reason)
        keys = [each for each in await self._partners.keys(partner_id) if each.revoked_at is None]
        for key in keys:
            await self._partners.revoke_key(partner_id, key.credential_id, actor)
        endpoints = await self._webhooks.endpoints_of_partner(partner_id)
        for endpoint in endpoints:
            await self._webhooks.remove(endpoint.merchant_id, endpoint.endpoint_id, actor)
        links = await self._partners.links_of(partner_id)
        for link in links:
            await self._partners.unlink(partner_id, link.merchant_id, actor)
        done = RemovedPartner(len(keys), len(links), len(endpoints))
        await self._states.end_partner(suspended, actor, {"reason": reason, **done._asdict()})
        return done

    async def delete_tokens(self, merchant_id: MerchantId) -> int:
        """Run the outbox tasks that are due; return how many of the merchant's are left for the servers."""
        while await self._outbox_tasks.run_due():
            pass
        return await outbox.count_of(self._engine, merchant_id)

    async def _delete_cards(self, caller: Caller, progress: Progress) -> int:
        """Delete all saved cards, a few at a time; return how many were deleted."""
        total = (await self._instruments.summary(caller.merchant_id)).live
        deleted, batch = 0, list[Instrument]()
        async for (instrument, _), _ in instrument_store.pages_of_merchant(self._engine, caller.merchant_id, _PAGE):
            if instrument.status is InstrumentStatus.DELETED:
                continue
            batch.append(instrument)
            if len(batch) == _AT_ONCE:
                deleted += await self._delete_batch(caller, batch)
                progress(deleted, total)
                batch = []
        deleted += await self._delete_batch(caller, batch)
        progress(deleted, total)
        left = (await self._instruments.summary(caller.merchant_id)).live
        if left:
            raise CardsNotDeletedError(left)
        return deleted

    async def _delete_batch(self, caller: Caller, batch: list[Instrument]) -> int:
        return sum(await asyncio.gather(*(self._delete(caller, instrument) for instrument in batch)))

    async def _delete(self, caller: Caller, instrument: Instrument) -> bool:
        """Delete one card in a transaction of its own; return whether this call deleted it."""
        for _ in range(_ATTEMPTS):
            unit = Unit(self._engine)
            try:
                await self._instruments.delete(caller, unit, instrument.customer_id, instrument.instrument_id)
                await unit.commit()
            except StaleReadError:
                continue  # its provider changed it meanwhile
            except InstrumentNotFoundError:
                return False
            except (RowNotAuthenticError, SealBrokenError) as error:
                logger.error(  # noqa: TRY400  # the operator needs the card, not our source lines
                    "a saved card is not deleted",
                    extra={"instrument_id": instrument.instrument_id, "hint": error.hint},
                )
                return False
            return True
        return False

    async def _revoke_secrets(self, merchant_id: MerchantId, actor: str) -> int:
        live = [each for each in await self._merchants.secrets(merchant_id) if each.revoked_at is None]
        for secret in live:
            await self._merchants.revoke_secret(merchant_id, secret.credential_id, actor)
        return len(live)

    async def _end_signature_keys(self, merchant_id: MerchantId, actor: str) -> int:
        live = [each for each in await self._client_signatures.all(merchant_id) if each.is_live]
        if live:
            await self._client_signatures.end_key(merchant_id, actor)
        return len(live)

    async def _unlink_partners(self, merchant_id: MerchantId, actor: str) -> int:
        links = await self._partners.links_to(merchant_id)
        for link in links:
            await self._partners.unlink(link.partner_id, merchant_id, actor)
        return len(links)

    async def _clear_limits(self, merchant_id: MerchantId, actor: str) -> int:
        limits = await self._own_limits.of(merchant_id)
        for operation in limits:
            await self._own_limits.clear(merchant_id, operation, actor)
        return len(limits)

    async def _remove_endpoints(self, merchant_id: MerchantId, actor: str) -> int:
        endpoints = await self._webhooks.endpoints(merchant_id)
        for endpoint in endpoints:
            await self._webhooks.remove(merchant_id, endpoint.endpoint_id, actor)
        return len(endpoints)
