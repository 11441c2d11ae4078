"""A saved card of a customer of a merchant, as the vault sees it: a token, never a card number."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId


class InstrumentStatus(StrEnum):
    """Whether a saved card can be used."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    """The token is not activated yet, suspended or expired."""
    DELETED = "DELETED"
    """Only a tombstone is left."""


class Instrument(NamedTuple):
    """What of a saved card may stand in the clear. A tuple, because one is made for every row that is read."""

    merchant_id: MerchantId
    customer_id: CustomerId
    instrument_id: InstrumentId
    status: InstrumentStatus
    created_at: int
    deleted_at: int | None
    tsp_id: str
    """The provider that made the token."""
    last4: str
    network: str
    issuer: str
    country: str
    """Empty where the provider does not tell it."""
    card_type: str
    card_sub_type: str
    instrument_uid: str
    """Empty where the provider tells no PAR."""
    token_index: bytes
    row_version: int
    sealed: bytes | None
    """None once deleted: the token, its expiry and the evidence of consent are gone with it."""
    afa_reference: str | None = None
    """Kept in the clear only on a tombstone, whose answer needs it."""
