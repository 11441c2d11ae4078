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
    """Only the tombstone is left."""


class Instrument(NamedTuple):
    """The fields of a saved card that may be stored in the clear. A tuple, which is cheap to make for every row."""

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
    """Empty if the provider does not report it."""
    card_type: str
    card_sub_type: str
    instrument_uid: str
    """Empty if the provider reports no PAR."""
    token_index: bytes
    row_version: int
    sealed: bytes | None
    """None once deleted: the token, its expiry and the evidence of consent are deleted with it."""
    afa_reference: str | None = None
    """In the clear on a tombstone only: the answer to a repeated delete needs it."""


class CardSummary(NamedTuple):
    """How many saved cards a merchant has, and when one was last saved, deleted or paid with."""

    counts: dict[InstrumentStatus, int]
    """By status. Deleted cards are counted while their tombstones are kept."""
    last_change_at: int | None

    @property
    def live(self) -> int:
        """How many are not deleted."""
        return sum(count for status, count in self.counts.items() if status is not InstrumentStatus.DELETED)
