"""The numbers and names that an issuer gives out, and the keyed indexes that it finds them by."""

from __future__ import annotations

import hmac
import secrets
import time
from functools import lru_cache

from tokenvault_server.domain.card import Expiry, Pan, with_check_digit
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import NetworkToken, Par, TokenRequestorId
from tokenvault_server.keys.fields import framed
from tokenvault_server.keys.keyring import Key

_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HMAC_DIGITS = 50  # 2^256 has fifty digits to the base of 36
_PAR_DIGITS = 25
_HALF_A_DAY = 12 * 60 * 60


def new_token_pan(prefix: str, length: int) -> NetworkToken:
    """Make a random token PAN of a token range, with a right check digit."""
    free = length - len(prefix) - 1
    return NetworkToken(with_check_digit(f"{prefix}{secrets.randbelow(10**free):0{free}d}"))


def new_trid(provider_code: str) -> TokenRequestorId:
    """Make a random token requestor id: the provider's three digits and eight of the requestor's."""
    return f"{provider_code}{secrets.randbelow(10**8):08d}"


def par(key: Key, pan: Pan, controller: str) -> Par:
    """Give the card's payment account reference: 29 characters, the same for every token of the card.

    The whole HMAC is written out to the base of 36 before it is cut, so that all its leading digits carry entropy.
    """
    value = int.from_bytes(hmac.digest(key.material_for(Purpose.PAR), pan.reveal().encode(), "sha256"))
    return controller + _base36(value)[:_PAR_DIGITS]


def card_index(key: Key, pan: Pan, merchant_id: str, customer_id: str) -> bytes:
    """Give what a card of a merchant's customer is found by; without the key, numbers cannot be tried out on it."""
    return _index(key, b"card", pan.reveal(), merchant_id, customer_id)


def token_index(key: Key, token_pan: NetworkToken) -> bytes:
    """Give what a token is found by when a cryptogram is presented."""
    return _index(key, b"token", token_pan.reveal())


def merchant_index(key: Key, merchant_id: str) -> bytes:
    """Give what a merchant's TRIDs are found by."""
    return _index(key, b"merchant", merchant_id)


def expiry_after(now: int, years: int) -> Expiry:
    """Give the month that lies some years after now (UTC)."""
    today = time.gmtime(now // SECOND)
    return Expiry(today.tm_year + years, today.tm_mon)


@lru_cache(maxsize=256)  # tokens of four years end in 49 different months
def expiry_ending(ends_at: int) -> Expiry:
    """Give the expiry whose `ends_at()` is this moment: the inverse, so that a token's end is kept once."""
    last_day = time.gmtime(ends_at // SECOND - _HALF_A_DAY - 1)
    return Expiry(last_day.tm_year, last_day.tm_mon)


def _index(key: Key, label: bytes, *parts: str) -> bytes:
    message = framed(label, *(part.encode() for part in parts))
    return hmac.digest(key.material_for(Purpose.CARD_INDEX), message, "sha256")


def _base36(value: int) -> str:
    digits = []
    for _ in range(_HMAC_DIGITS):
        value, digit = divmod(value, 36)
        digits.append(_BASE36[digit])
    return "".join(reversed(digits))
