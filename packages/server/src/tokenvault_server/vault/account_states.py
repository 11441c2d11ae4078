"""Suspend and resume merchants and partners, and mark them as removed.

A suspension locks the merchant's audit chain before it changes the state. A transaction that saves a card holds that
chain when it reads the state. So no card is saved after a suspension has committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.merchant import AccountState, Merchant, Partner
from tokenvault_server.domain.protected_row import ProtectedRow, of_merchant, of_partner
from tokenvault_server.errors import (
    AccountChangedError,
    AccountRemovedError,
    InvalidFieldError,
)
from tokenvault_server.store import merchants as merchant_store
from tokenvault_server.store import partners as partner_store
from tokenvault_server.tsp.answers import is_text
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.partners import Partners
from tokenvault_server.vault.row_tags import RowTags

Details = dict[str, int | str]


class AccountStates:
    """Changes the states of merchants and partners, for operators. A repeat changes nothing."""

    def __init__(
        self,
        engine: Engine,
        merchants: Merchants,
        partners: Partners,
        row_tags: RowTags,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        """Change rows in `engine`, and record that in the chains of `audit`."""
        self._engine = engine
        self._merchants = merchants
        self._partners = partners
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock

    async def suspend_merchant(self, merchant_id: MerchantId, actor: str, reason: str) -> Merchant:
        """Refuse a merchant's calls and let its webhooks wait, within a second in every process.

        Raises:
            InvalidFieldError: the reason cannot be stored.
            MerchantNotFoundError: no merchant has this id.
            AccountRemovedError: it was removed.
            RowNotAuthenticError: it was changed in the database.
        """
        return await self._set_merchant(merchant_id, AccountState.SUSPENDED, Action.MERCHANT_SUSPENDED, actor, reason)

    async def resume_merchant(self, merchant_id: MerchantId, actor: str, reason: str) -> Merchant:
        """End a merchant's suspension. Raises the same errors."""
        return await self._set_merchant(merchant_id, AccountState.ACTIVE, Action.MERCHANT_RESUMED, actor, reason)

    async def end_merchant(self, suspended: Merchant, actor: str, details: Details) -> None:
        """Mark a suspended merchant as removed, when nothing is left of it.

        Raises:
            AccountChangedError: it is not suspended any more.
        """
        await self._store_merchant(
            suspended, AccountState.REMOVED, self._entry(Action.MERCHANT_REMOVED, actor, details)
        )

    async def suspend_partner(self, partner_id: PartnerId, actor: str, reason: str) -> Partner:
        """Refuse a partner's calls, and let the webhooks that it signs wait.

        Raises:
            InvalidFieldError: the reason cannot be stored.
            PartnerNotFoundError: no partner has this id.
            AccountRemovedError: it was removed.
            RowNotAuthenticError: it was changed in the database.
        """
        return await self._set_partner(partner_id, AccountState.SUSPENDED, Action.PARTNER_SUSPENDED, actor, reason)

    async def resume_partner(self, partner_id: PartnerId, actor: str, reason: str) -> Partner:
        """End a partner's suspension. Raises the same errors."""
        return await self._set_partner(partner_id, AccountState.ACTIVE, Action.PARTNER_RESUMED, actor, reason)

    async def end_partner(self, suspended: Partner, actor: str, details: Details) -> None:
        """Mark a suspended partner as removed, when nothing is left of it.

        Raises:
            AccountChangedError: it is not suspended any more.
        """
        await self._store_partner(suspended, AccountState.REMOVED, self._entry(Action.PARTNER_REMOVED, actor, details))

    async def _set_merchant(
        self, merchant_id: MerchantId, state: AccountState, action: Action, actor: str, reason: str
    ) -> Merchant:
        check_reason(reason)
        merchant = await self._merchants.known(merchant_id)
        if _is(merchant, state):
            return merchant
        return await self._store_merchant(merchant, state, self._entry(action, actor, {"reason": reason}))

    async def _store_merchant(self, merchant: Merchant, state: AccountState, entry: AuditEntry) -> Merchant:
        changed = replace(merchant, state=state, state_at=entry.at)
        await self._store(of_merchant(changed), lambda: merchant_store.set_state(changed, merchant.state), entry)
        return changed

    async def _set_partner(
        self, partner_id: PartnerId, state: AccountState, action: Action, actor: str, reason: str
    ) -> Partner:
        check_reason(reason)
        partner = await self._partners.load(partner_id)
        if _is(partner, state):
            return partner
        return await self._store_partner(partner, state, self._entry(action, actor, {"reason": reason}))

    async def _store_partner(self, partner: Partner, state: AccountState, entry: AuditEntry) -> Partner:
        changed = replace(partner, state=state, state_at=entry.at)
        entry = replace(entry, details={**entry.details, "partner_id": partner.partner_id})
        row = of_partner(changed, self._audit.own_chain)
        await self._store(row, lambda: partner_store.set_state(changed, partner.state), entry)
        return changed

    async def _store(self, row: ProtectedRow, set_state: Callable[[], Work[bool]], entry: AuditEntry) -> None:
        """Change the state of a row, with its tag and its audit entry.

        Raises:
            AccountChangedError: the state has changed since the row was read.
        """
        tags = (await self._row_tags.tagger()).tags(row)

        def body() -> Work[None]:
            yield from self._audit.append(row.identity.chain, replace(entry, details=entry.details | tags.details))
            if not (yield from set_state()):
                raise AccountChangedError
            yield from tags.put()

        await self._engine.commit(body)

    def _entry(self, action: Action, actor: str, details: Details) -> AuditEntry:
        return AuditEntry(at=self._clock.now(), action=action, actor=actor, details=details)


def check_reason(reason: str) -> None:
    """Raise InvalidFieldError for a reason that cannot be stored in the audit trail."""
    if not is_text(reason):
        raise InvalidFieldError("reason", "has up to 100 printable characters and no card number")


def _is(account: Merchant | Partner, state: AccountState) -> bool:
    """Return whether an account has a state already.

    Raises:
        AccountRemovedError: it was removed, and gets no other state.
    """
    if account.state is AccountState.REMOVED:
        raise AccountRemovedError
    return account.state is state
