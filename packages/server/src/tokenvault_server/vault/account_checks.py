"""Checks inside transactions that change what belongs to a merchant or a partner: it must exist and not be removed."""

from __future__ import annotations

from tokenvault_server.database.engine import Work
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.merchant import AccountState
from tokenvault_server.errors import (
    AccountRemovedError,
    MerchantNotFoundError,
    MerchantSuspendedError,
    PartnerNotFoundError,
)
from tokenvault_server.store import merchants, partners


def merchant_is_kept(merchant_id: MerchantId) -> Work[None]:
    """Return if there is such a merchant.

    Raises:
        MerchantNotFoundError: no merchant has this id.
        AccountRemovedError: it was removed.
    """
    state = yield from merchants.state_of(merchant_id)
    if state is None:
        raise MerchantNotFoundError
    if state is AccountState.REMOVED:
        raise AccountRemovedError


def partner_is_kept(partner_id: PartnerId) -> Work[None]:
    """Return if there is such a partner.

    Raises:
        PartnerNotFoundError: no partner has this id.
        AccountRemovedError: it was removed.
    """
    state = yield from partners.state_of(partner_id)
    if state is None:
        raise PartnerNotFoundError
    if state is AccountState.REMOVED:
        raise AccountRemovedError


def merchant_is_active(merchant_id: MerchantId) -> Work[None]:
    """Return if a call that began before may still save a card. The transaction must hold the merchant's chain.

    Raises:
        MerchantSuspendedError: the merchant was suspended or removed since the call began.
    """
    state = yield from merchants.state_of(merchant_id)
    if state in {AccountState.SUSPENDED, AccountState.REMOVED}:
        raise MerchantSuspendedError
