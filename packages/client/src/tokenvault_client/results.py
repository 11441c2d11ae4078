"""The results of calls: typed, frozen, and tolerant of fields that a newer server adds.

The entities of the contract describe what Tokenvault sends. These classes require only the fields without which a
result is useless, because Cashfree's documents require no field at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, NoReturn, TypeVar

import msgspec

from tokenvault_contract import headers as names

T = TypeVar("T")


class TokenDetails(msgspec.Struct, frozen=True):
    """The public details of a network token: its PAR, and the expiry of the *token* (not of the card)."""

    par: str | None = None
    expiry_month: str | None = None
    expiry_year: str | None = None


class InstrumentMeta(msgspec.Struct, frozen=True):
    """The details by which a customer recognises a saved card."""

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
    """It is the same each time that one card is saved."""
    instrument_display: str | None = None
    instrument_status: str | None = None
    created_at: str | None = None
    instrument_meta: InstrumentMeta | None = None

    @property
    def is_active(self) -> bool:
        """Whether the card can be used for a payment."""
        return self.instrument_status == "ACTIVE"


class Cryptogram(msgspec.Struct, frozen=True):
    """A network token with one single-use cryptogram for it. `card_number` is the token, never the card.

    Its `repr` shows only the instrument's id, and it cannot be pickled: read the fields where they are used.
    """

    instrument_id: str
    token_requestor_id: str
    card_number: str
    card_expiry_mm: str
    card_expiry_yy: str
    cryptogram: str
    card_display: str | None = None

    def __repr__(self) -> str:
        """Show only the instrument's id: the other fields could be used for a payment."""
        return f"Cryptogram(instrument_id={self.instrument_id!r}, ...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in rich."""
        return [("instrument_id", self.instrument_id)]

    def __reduce__(self) -> NoReturn:
        """Prevent pickling: a pickle could end up in a file or a queue."""
        raise TypeError("a cryptogram cannot be pickled or copied: fetch it where it is used")


class RateLimit(NamedTuple):
    """The state of the rate limit, from the headers of a response."""

    limit: int | None
    remaining: int | None
    retry_after: int | None
    """Seconds to wait; 0 while within the limit."""
    type: str | None
    """`app_id` for the limit of a merchant, `ip` for that of an unauthenticated address."""


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """A successful response: its data, its headers and its body."""

    data: T
    status: int
    headers: Mapping[str, str]
    """The headers, with names in lower case."""
    body: bytes
    """The undecoded body. It may contain a cryptogram: do not log it."""
    request_id: str
    idempotency_key: str | None
    """The key of the call, passed or generated. A later repeat with this key does not act again."""
    attempts: int = 1

    @property
    def rate_limit(self) -> RateLimit:
        """The state of the rate limit after this call."""
        header = self.headers.get
        return RateLimit(
            _integer(header(names.RATE_LIMIT)),
            _integer(header(names.RATE_REMAINING)),
            _integer(header(names.RATE_RETRY)),
            header(names.RATE_TYPE),
        )

    @property
    def is_replay(self) -> bool:
        """Whether this repeats the answer to an earlier call with the same idempotency key."""
        return self.headers.get(names.IDEMPOTENCY_REPLAYED) == "true"

    @property
    def deprecated_at(self) -> str | None:
        """The date on which the API version of this call ends, if there is one."""
        return self.headers.get(names.DEPRECATED_AT) or None

    def __repr__(self) -> str:
        """Leave out the body and the headers."""
        return f"<Answer {self.status} {self.data!r} [request {self.request_id}]>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in rich."""
        return [("status", self.status), ("data", self.data), ("request_id", self.request_id)]

    def __reduce__(self) -> NoReturn:
        """Prevent pickling: the body may contain a cryptogram."""
        raise TypeError("an answer cannot be pickled or copied: keep its data")


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A card to save. It has no field for a CVV, so the client cannot send one (PCI DSS 3.3.1)."""

    card_number: str
    card_expiry_mm: str
    card_expiry_yy: str
    card_holder_name: str | None = None

    def __repr__(self) -> str:
        """Show no field: every field is card data."""
        return "Card(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in rich."""
        return []

    def __reduce__(self) -> NoReturn:
        """Prevent pickling: a pickle could end up in a file or a queue, where no card number may be."""
        raise TypeError("a card cannot be pickled or copied")


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """The time at which the customer agreed to save the card, and the version of the text that they agreed to."""

    given_at: str
    """A time with its zone, as `2026-11-22T10:00:00+05:30`: `datetime.isoformat()` of an aware datetime."""
    text_version: str


InstrumentType = Literal["card"]


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
