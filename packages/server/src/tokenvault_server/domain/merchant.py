"""Merchants, partners, and the caller of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId


@dataclass(frozen=True, slots=True)
class Merchant:
    """A business whose customers save cards."""

    merchant_id: MerchantId
    name: str
    client_id: ClientId
    created_at: int


@dataclass(frozen=True, slots=True)
class Partner:
    """A platform that acts for the merchants it is linked to."""

    partner_id: PartnerId
    name: str
    created_at: int


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


@dataclass(slots=True)
class Caller:
    """An authenticated caller: the merchant whose data it may see, and the facts for the audit entry."""

    merchant_id: MerchantId
    actor: str
    """The client id, or the partner that acts for the merchant."""
    origin: str = ""
    """The address that the call came from."""
    request_id: str = ""
