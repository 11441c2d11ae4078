"""The bodies of the API in their newest shape, with fields in the order of the published document.

The server derives the older shapes from these with its table of version changes. Nothing else knows the older shapes.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class TokenDetails(msgspec.Struct, frozen=True):
    """The public details of a network token: its PAR, and the expiry of the *token* (not of the card).

    `par` is null where the network does not tell it.
    """

    par: str | None
    expiry_month: str
    expiry_year: str


class SavedInstrumentMeta(msgspec.Struct, frozen=True):
    """The details by which a customer recognises a saved card. `card_country` is null where it is not known."""

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
        """Show only the instrument's id: the other fields could be used for a payment."""
        return f"CryptogramEntity(instrument_id={self.instrument_id!r}, ...)"


class EnrolmentCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The card to save. It has no field for a CVV, so the API cannot accept one (PCI DSS 3.3.1)."""

    card_number: str | UnsetType = UNSET
    card_expiry_mm: str | UnsetType = UNSET
    card_expiry_yy: str | UnsetType = UNSET
    card_holder_name: str | UnsetType = UNSET

    def __repr__(self) -> str:
        """Show no field: every field is card data."""
        return "EnrolmentCard(...)"


class EnrolmentConsent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time at which the customer agreed to save the card, and the version of the text that they agreed to."""

    given_at: str | UnsetType = UNSET
    text_version: str | UnsetType = UNSET


class EnrolmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of the enrolment route, which is Tokenvault's own.

    Every field is required except the card holder's name. A struct accepts absent fields, so that the server can name
    the missing one in its error.
    """

    instrument_type: str | UnsetType = UNSET
    card: EnrolmentCard | UnsetType = UNSET
    afa_reference: str | UnsetType = UNSET
    consent: EnrolmentConsent | UnsetType = UNSET
