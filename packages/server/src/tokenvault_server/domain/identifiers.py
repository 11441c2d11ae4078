"""Ids: their types, how new ones are made, and which texts are accepted as ids."""

from __future__ import annotations

import re
import secrets
from typing import NewType

from tokenvault_server.domain.card_numbers import UUID, holds_card_number

VaultId = NewType("VaultId", str)
MerchantId = NewType("MerchantId", str)
ClientId = NewType("ClientId", str)
PartnerId = NewType("PartnerId", str)
CustomerId = NewType("CustomerId", str)
InstrumentId = NewType("InstrumentId", str)

CLIENT_SECRET_PREFIX = "tvsk_"
PARTNER_KEY_PREFIX = "tvpk_"

MAX_ID = 128
# Nearly every id matches: a UUID, or letters with too few digits for a card number.
_PLAIN = re.compile(rf"{UUID}|(?=.)(?:[A-Za-z_]*[0-9]){{0,13}}[A-Za-z_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,128}")


def acceptable_segment(text: str) -> bool:
    """Return whether a decoded path segment may be an id.

    Dot segments, template literals such as `{customer_id}` and control characters are refused: clients send them by
    mistake, and proxies interpret them. Card numbers are refused because ids are stored in the clear.
    """
    if holds_api_secret(text):
        return False
    if _PLAIN.fullmatch(text):
        return len(text) <= MAX_ID
    return (
        0 < len(text) <= MAX_ID
        and text not in {".", ".."}
        and not (text[0] == "{" and text[-1] == "}")
        and (
            text.isprintable() or not _CONTROL.search(text)
        )  # the first check takes a tenth of the time and is nearly always enough
        and not holds_card_number(text)
    )


def acceptable_token(text: str) -> bool:
    """Return whether a header's value may be a request id or an idempotency key: 1 to 128 visible ASCII characters."""
    return _VISIBLE_ASCII.fullmatch(text) is not None and not holds_card_number(text) and not holds_api_secret(text)


def holds_api_secret(text: str) -> bool:
    """Return whether a text holds one of our API secrets, which have fixed prefixes.

    A secret that a client sends by mistake in the place of an id would be stored and logged.
    """
    return CLIENT_SECRET_PREFIX in text or PARTNER_KEY_PREFIX in text


def uuid7(now: int) -> str:
    """Make a time-ordered UUID (RFC 9562, 5.7) for a moment in microseconds; ids made later sort later."""
    while holds_card_number(text := _uuid7(now)):  # a UUID of digits alone: what we make must pass our own checks
        pass
    return text


def _uuid7(now: int) -> str:
    milliseconds, remainder = divmod(now, 1000)
    sub_millisecond = (remainder * 4096) // 1000  # method 3 of RFC 9562, 6.2
    value = (milliseconds << 80) | (0x7 << 76) | (sub_millisecond << 64) | (0b10 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prefixed(prefix: str, now: int) -> str:
    """Make a time-ordered id with a prefix that names its kind, such as `mer_0192...`."""
    return f"{prefix}_{uuid7(now).replace('-', '')}"
