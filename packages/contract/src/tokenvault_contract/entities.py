"""The bodies of the API in their newest shape, field by field in the order of the published document.

Older shapes are made from these by the server's table of changes; nothing else knows them.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class TokenDetails(msgspec.Struct, frozen=True):
    """What may be told of a network token: its PAR and when the *token* expires (not the card).

    `par` is null where the network does not tell it.
    """

    par: str | None
    expiry_month: str
    expiry_year: str


class SavedInstrumentMeta(msgspec.Struct, frozen=True):
    """What a customer needs in order to recognise a saved card. `card_country` is null where it is not known."""

    card_network: str
    card_bank_name: str
    card_country: str | None
    card_type: str
    card_token_details: TokenDetails | None
    card_sub_type: str | UnsetType = UNSET


class InstrumentEntity(msgspec.Struct, frozen=True):
    """A saved card of a customer. `instrument_display` ends in the last four digits of the card.

    `instrument_uid` is null where the network tells no PAR: nothing else names a card for ever.
    """

    customer_id: str
    afa_reference: str
    instrument_id: str
    instrument_type: str
    instrument_uid: str | None
    instrument_display: str
    instrument_status: str
    created_at: str
    instrument_meta: SavedInstrumentMeta


class CryptogramEntity(msgspec.Struct, frozen=True):
    """A network token with one single-use cryptogram for it. `card_number` is the token, never the card."""

    instrument_id: str
    token_requestor_id: str
    card_number: str
    card_expiry_mm: str
    card_expiry_yy: str
    cryptogram: str
    card_display: str

    def __repr__(self) -> str:
        """Name the instrument only: the rest could be used for a payment."""
        return f"CryptogramEntity(instrument_id={self.instrument_id!r}, ...)"


class EnrolmentCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The card to save. There is no field for a CVV, so none can be accepted (PCI DSS 3.3.1)."""

    card_number: str | UnsetType = UNSET
    card_expiry_mm: str | UnsetType = UNSET
    card_expiry_yy: str | UnsetType = UNSET
    card_holder_name: str | UnsetType = UNSET

    def __repr__(self) -> str:
        """Show nothing: every field of it is card data."""
        return "EnrolmentCard(...)"


class EnrolmentConsent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the customer agreed to the saving of the card, and to which text."""

    given_at: str | UnsetType = UNSET
    text_version: str | UnsetType = UNSET


class EnrolmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of our own saving route. Every field is required but the holder's name; absence is told by name."""

    instrument_type: str | UnsetType = UNSET
    card: EnrolmentCard | UnsetType = UNSET
    afa_reference: str | UnsetType = UNSET
    consent: EnrolmentConsent | UnsetType = UNSET
