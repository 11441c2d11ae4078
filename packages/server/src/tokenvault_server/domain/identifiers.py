"""Ids: their types, how new ones are made, and which texts are accepted as ids."""

from __future__ import annotations

import re
from typing import Final, NewType

from tokenvault_contract.identifiers import (
    CLIENT_SECRET_PREFIX,
    MAX_LENGTH,
    PARTNER_KEY_PREFIX,
    holds_api_secret,
    is_id,
    is_name,
    is_reference,
)
from tokenvault_server.domain import randomness
from tokenvault_server.domain.card_numbers import UUID, holds_card_number

__all__ = ["CLIENT_SECRET_PREFIX", "PARTNER_KEY_PREFIX", "holds_api_secret"]

VaultId = NewType("VaultId", str)
MerchantId = NewType("MerchantId", str)
ClientId = NewType("ClientId", str)
PartnerId = NewType("PartnerId", str)
CustomerId = NewType("CustomerId", str)
InstrumentId = NewType("InstrumentId", str)

MAX_ID = MAX_LENGTH
ID_RULE: Final = "must be 1 to 128 printable characters, without a card number or a secret"
REFERENCE_RULE: Final = "must be 1 to 128 visible ASCII characters, without a card number or a secret"
"""What is wrong with an id, a request id or an idempotency key that is not acceptable, in an error's words."""

# Nearly every id matches: a UUID, or letters with too few digits for a card number.
_PLAIN = re.compile(rf"{UUID}|(?=.)(?:[A-Za-z_]*[0-9]){{0,13}}[A-Za-z_]*")


def acceptable_segment(text: str) -> bool:
    """Return whether a decoded path segment can be an id: by the rule of the contract, and without a card number."""
    if holds_api_secret(text):
        return False
    if _PLAIN.fullmatch(text):
        return len(text) <= MAX_ID
    return is_id(text) and not holds_card_number(text)


def acceptable_name(text: str, max_length: int) -> bool:
    """Return whether text can be a name: by the rule of the contract, and without a card number."""
    return is_name(text, max_length) and not holds_card_number(text)


def acceptable_token(text: str) -> bool:
    """Return whether a header's value can be a request id or an idempotency key, by the same two rules."""
    return is_reference(text) and not holds_card_number(text)


def uuid7(now: int) -> str:
    """Make a time-ordered UUID (RFC 9562, 5.7) for a moment in microseconds; ids made later sort later."""
    while holds_card_number(text := _uuid7(now)):  # a UUID of digits alone: what we make must pass our own checks
        pass
    return text


def _uuid7(now: int) -> str:
    milliseconds, remainder = divmod(randomness.id_time(now), 1000)
    sub_millisecond = (remainder * 4096) // 1000  # method 3 of RFC 9562, 6.2
    value = (milliseconds << 80) | (0x7 << 76) | (sub_millisecond << 64) | (0b10 << 62) | randomness.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prefixed(prefix: str, now: int) -> str:
    """Make a time-ordered id with a prefix that names its kind, such as `mer_0192...`."""
    return f"{prefix}_{uuid7(now).replace('-', '')}"
