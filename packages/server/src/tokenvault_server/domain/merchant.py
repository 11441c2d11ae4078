"""Merchants, partners, and the caller of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId
from tokenvault_server.errors import VaultError


class AccountState(StrEnum):
    """The state of a merchant or a partner. Its value is stored and covered by the tag of the row."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Its calls are refused and its webhooks wait, until it is resumed."""
    REMOVED = "removed"
    """It has neither cards nor credentials, and cannot be resumed. The row is kept for auditors."""


@dataclass(frozen=True, slots=True)
class Merchant:
    """A business whose customers save cards."""

    merchant_id: MerchantId
    name: str
    client_id: ClientId
    created_at: int
    state: AccountState = AccountState.ACTIVE
    state_at: int | None = None
    """When the state last changed; None if it never did."""


@dataclass(frozen=True, slots=True)
class Partner:
    """A platform that acts for the merchants it is linked to."""

    partner_id: PartnerId
    name: str
    created_at: int
    state: AccountState = AccountState.ACTIVE
    state_at: int | None = None
    """When the state last changed; None if it never did."""


class PartnerLink(NamedTuple):
    """The right of a partner to act for a merchant."""

    merchant_id: MerchantId
    partner_id: PartnerId
    created_at: int


class ActingPartner(NamedTuple):
    """A partner that was authenticated by its key, and the merchant that it acts for."""

    partner_id: PartnerId
    credential_id: str
    merchant_id: MerchantId
    suspended: type[VaultError] | None = None
    """The error for its calls, while it or the merchant is suspended."""


@dataclass(slots=True)
class Caller:
    """An authenticated caller: the merchant whose data it may see, and the facts for the audit entry."""

    merchant_id: MerchantId
    actor: str
    """The client id, or the partner that acts for the merchant."""
    origin: str = ""
    """The address that the call came from."""
    request_id: str = ""
    suspended: type[VaultError] | None = None
    """The error for its calls, while the merchant or the partner is suspended."""
