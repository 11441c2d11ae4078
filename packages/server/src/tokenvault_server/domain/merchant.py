"""Who calls: merchants, and what is known of a caller while a call lasts."""

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


class ActingPartner(NamedTuple):
    """A partner that was recognised by its key, and the merchant that it acts for."""

    partner_id: PartnerId
    credential_id: str
    merchant_id: MerchantId


@dataclass(slots=True)
class Caller:
    """An authenticated caller: whose data it may see, and what the audit entry of its act will say."""

    merchant_id: MerchantId
    actor: str
    """The client id, or the partner that acts for the merchant."""
    origin: str = ""
    """The address that the call came from."""
    request_id: str = ""
