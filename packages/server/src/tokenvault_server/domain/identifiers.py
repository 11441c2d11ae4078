"""Ids: their types, how new ones are made, and which text may be one."""

from __future__ import annotations

import re
import secrets
from typing import NewType

from tokenvault_contract.identifiers import (
    CLIENT_SECRET_PREFIX,
    MAX_LENGTH,
    PARTNER_KEY_PREFIX,
    holds_api_secret,
    is_id,
    is_name,
    is_reference,
)
from tokenvault_server.domain.card import holds_card_number

__all__ = ["CLIENT_SECRET_PREFIX", "PARTNER_KEY_PREFIX", "holds_api_secret"]

VaultId = NewType("VaultId", str)
MerchantId = NewType("MerchantId", str)
ClientId = NewType("ClientId", str)
PartnerId = NewType("PartnerId", str)
CustomerId = NewType("CustomerId", str)
InstrumentId = NewType("InstrumentId", str)

MAX_ID = MAX_LENGTH
# What nearly every id is: a UUID, or letters and digits without a run that could be a card number.
_PLAIN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:[0-9]{0,11}[A-Za-z_])+[0-9]{0,11}")


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
    milliseconds, remainder = divmod(now, 1000)
    sub_millisecond = (remainder * 4096) // 1000  # method 3 of RFC 9562, 6.2
    value = (milliseconds << 80) | (0x7 << 76) | (sub_millisecond << 64) | (0b10 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prefixed(prefix: str, now: int) -> str:
    """Make a time-ordered id that says what it names, such as `mer_0192...`."""
    return f"{prefix}_{uuid7(now).replace('-', '')}"
