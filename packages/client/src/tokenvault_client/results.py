"""The results of calls: typed, frozen, and tolerant of fields that a newer server adds.

The entities of the contract describe what Tokenvault sends. These classes require only the fields without which a
result is useless, because Cashfree's documents require no field at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Literal, NamedTuple, NoReturn, Self, TypeVar

import msgspec

from tokenvault_client import _arguments as arguments
from tokenvault_client.errors import UsageError
from tokenvault_contract import headers as names

T = TypeVar("T")


class Result(msgspec.Struct, frozen=True):
    """A result that can be stored and sent on: it has no secret, and can be pickled and compared."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary for JSON, for instance for the response of a web framework."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Create a result from a dictionary that `to_dict` returned. Unknown fields are ignored.

        Raises:
            UsageError: A field is absent or has the wrong type. The message names it.
        """
        arguments.check_instance("fields", fields, Mapping)
        try:
            return msgspec.convert(dict(fields), cls)
        except msgspec.ValidationError as error:
            raise UsageError(f"fields do not fit {cls.__name__}: {error}") from None


class TokenDetails(Result, frozen=True):
    """The public details of a network token: its PAR, and the expiry of the *token* (not of the card)."""

    par: str | None = None
    expiry_month: str | None = None
    """Two digits."""
    expiry_year: str | None = None
    """Two or four digits."""

    @property
    def expires_at(self) -> datetime | None:
        """The moment at which the token expires: when its month has ended everywhere, in UTC. None if it is unknown."""
        month, year = _integer(self.expiry_month), _integer(self.expiry_year)
        if month is None or year is None or not 1 <= month <= 12 or len(str(self.expiry_year)) not in {2, 4}:
            return None
        year += 2000 if year < 100 else 0
        # The month ends last at UTC-12. Token services compute the same way.
        return datetime(year + month // 12, month % 12 + 1, 1, 12, tzinfo=UTC) if 2000 <= year < 9999 else None


class InstrumentMeta(Result, frozen=True):
    """The details by which a customer recognises a saved card."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    card_sub_type: str | None = None
    card_token_details: TokenDetails | None = None


class Instrument(Result, frozen=True):
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
        """Whether the API reported the status `ACTIVE`. It does so after the token has expired: see `is_payable`."""
        return self.instrument_status == "ACTIVE"

    @property
    def token_expires_at(self) -> datetime | None:
        """The moment at which the network token expires, in UTC. None if the API did not say."""
        details = self.instrument_meta.card_token_details if self.instrument_meta else None
        return details.expires_at if details else None

    def is_payable(self, at: datetime | None = None) -> bool:
        """Return whether the card can be used for a payment: it is active, and its token has not expired.

        A token whose expiry the API did not say counts as not expired.

        Args:
            at: A time with its zone. The default is now.

        Raises:
            UsageError: `at` is no time with a zone.
        """
        if at is not None:
            arguments.check_time("at", at)
        expires_at = self.token_expires_at
        return self.is_active and (expires_at is None or (at or datetime.now(UTC)) < expires_at)


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

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Allow pickling of answers about saved cards. The body of another answer may contain a cryptogram."""
        if not isinstance(self.data, Instrument | tuple):
            raise TypeError("an answer with a cryptogram cannot be pickled or copied")
        return type(self), tuple(getattr(self, field) for field in self.__struct_fields__)


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


class Consent(Result, frozen=True, kw_only=True):
    """The time at which the customer agreed to save the card, and the version of the text that they agreed to."""

    given_at: str
    """A time with its zone, as `2026-11-22T10:00:00+05:30`: `datetime.isoformat()` of an aware datetime."""
    text_version: str


InstrumentType = Literal["card"]


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
