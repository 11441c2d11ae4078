"""What calls give: typed, frozen, and tolerant of fields that a newer server adds.

Unlike the contract's entities, which say what *our* vault sends, these ask only for what an answer would be useless
without: Cashfree's documents require no field at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, NoReturn, TypeVar

import msgspec

from tokenvault_contract import headers as names

T = TypeVar("T")


class TokenDetails(msgspec.Struct, frozen=True):
    """What is told of a network token: its PAR, and when the *token* expires (not the card)."""

    par: str | None = None
    expiry_month: str | None = None
    expiry_year: str | None = None


class InstrumentMeta(msgspec.Struct, frozen=True):
    """What a customer recognises a saved card by."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    card_sub_type: str | None = None
    card_token_details: TokenDetails | None = None


class Instrument(msgspec.Struct, frozen=True):
    """A saved card of a customer. `instrument_display` ends in the last four digits of the card."""

    instrument_id: str
    customer_id: str | None = None
    afa_reference: str | None = None
    instrument_type: str | None = None
    instrument_uid: str | None = None
    """The same for every saving of one card."""
    instrument_display: str | None = None
    instrument_status: str | None = None
    created_at: str | None = None
    instrument_meta: InstrumentMeta | None = None

    @property
    def is_active(self) -> bool:
        """Tells whether it can be paid with."""
        return self.instrument_status == "ACTIVE"


class Cryptogram(msgspec.Struct, frozen=True):
    """A network token with one single-use cryptogram for it. `card_number` is the token, never the card.

    It shows nothing but the instrument's id, and cannot be pickled: read the fields where they are used.
    """

    instrument_id: str
    token_requestor_id: str
    card_number: str
    card_expiry_mm: str
    card_expiry_yy: str
    cryptogram: str
    card_display: str | None = None

    def __repr__(self) -> str:
        """Name the instrument: the rest could be used for a payment."""
        return f"Cryptogram(instrument_id={self.instrument_id!r}, ...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show rich the same."""
        return [("instrument_id", self.instrument_id)]

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle is a file or a queue before long."""
        raise TypeError("a cryptogram cannot be pickled or copied: fetch it where it is used")


class RateLimit(NamedTuple):
    """What is left of the minute, as the answer told it."""

    limit: int | None
    remaining: int | None
    retry_after: int | None
    """Seconds to wait; 0 while within the limit."""
    type: str | None
    """`app_id` for a merchant's budget, `ip` for an address that did not sign in."""


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """A success: what was asked for, and everything that came with it."""

    data: T
    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes
    """As it came. It may hold a cryptogram: do not log it."""
    request_id: str
    idempotency_key: str | None
    """What the call was sent under, given or generated: with it the call can be repeated later without acting again."""
    attempts: int = 1

    @property
    def rate_limit(self) -> RateLimit:
        """What is left of the minute."""
        told = self.headers.get
        return RateLimit(
            _integer(told(names.RATE_LIMIT)),
            _integer(told(names.RATE_REMAINING)),
            _integer(told(names.RATE_RETRY)),
            told(names.RATE_TYPE),
        )

    @property
    def is_replay(self) -> bool:
        """Tells whether this was answered before, under the same idempotency key."""
        return self.headers.get(names.IDEMPOTENCY_REPLAYED) == "true"

    @property
    def deprecated_at(self) -> str | None:
        """When the API version that was used ends, if that is decided."""
        return self.headers.get(names.DEPRECATED_AT) or None

    def __repr__(self) -> str:
        """Leave the body and the headers out."""
        return f"<Answer {self.status} {self.data!r} [request {self.request_id}]>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show rich the same."""
        return [("status", self.status), ("data", self.data), ("request_id", self.request_id)]

    def __reduce__(self) -> NoReturn:
        """Refuse: the body may hold a cryptogram."""
        raise TypeError("an answer cannot be pickled or copied: keep its data")


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A card to save. There is no field for a CVV, so none can be sent (PCI DSS 3.3.1)."""

    card_number: str
    card_expiry_mm: str
    card_expiry_yy: str
    card_holder_name: str | None = None

    def __repr__(self) -> str:
        """Show nothing: every field of it is card data."""
        return "Card(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show rich the same."""
        return []

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle is a file or a queue before long, where no card number may be."""
        raise TypeError("a card cannot be pickled or copied")


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """When the customer agreed to the saving of the card, and to which text."""

    given_at: str
    """With its time zone, as `2026-11-22T10:00:00+05:30`; `datetime.isoformat()` of an aware datetime."""
    text_version: str


InstrumentType = Literal["card"]


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
