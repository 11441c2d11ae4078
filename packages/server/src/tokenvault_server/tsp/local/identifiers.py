"""The numbers and identifiers that an issuer assigns, and the blind indexes for looking them up."""

from __future__ import annotations

import hmac
import time
from functools import lru_cache

from tokenvault_server.domain import randomness
from tokenvault_server.domain.card import Expiry, Pan, with_check_digit
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import NetworkToken, Par, TokenRequestorId
from tokenvault_server.keys.fields import framed
from tokenvault_server.keys.keyring import Key

_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HMAC_DIGITS = 50  # 2^256 has fifty digits in base 36
_PAR_DIGITS = 25
_HALF_A_DAY = 12 * 60 * 60


def new_token_pan(prefix: str, length: int) -> NetworkToken:
    """Return a random token PAN of a token range, with a correct check digit."""
    free = length - len(prefix) - 1
    return NetworkToken(with_check_digit(f"{prefix}{randomness.randbelow(10**free):0{free}d}"))


def new_trid(provider_code: str) -> TokenRequestorId:
    """Return a random token requestor id: three digits of the provider, then eight of the requestor."""
    return f"{provider_code}{randomness.randbelow(10**8):08d}"


def par(key: Key, pan: Pan, controller: str) -> Par:
    """Return the card's payment account reference: 29 characters, the same for every token of the card.

    The whole HMAC is converted to base 36 before it is cut, so that all its leading digits carry entropy.
    """
    value = int.from_bytes(hmac.digest(key.material_for(Purpose.PAR), pan.reveal().encode(), "sha256"))
    return controller + _base36(value)[:_PAR_DIGITS]


def card_index(key: Key, pan: Pan, merchant_id: str, customer_id: str) -> bytes:
    """Return the blind index of a customer's card. Without the key, nobody can test card numbers against it."""
    return _index(key, b"card", pan.reveal(), merchant_id, customer_id)


def token_index(key: Key, token_pan: NetworkToken) -> bytes:
    """Return the blind index of a token number, for finding the token of a presented cryptogram."""
    return _index(key, b"token", token_pan.reveal())


def merchant_index(key: Key, merchant_id: str) -> bytes:
    """Return the blind index of a merchant, for finding its TRIDs."""
    return _index(key, b"merchant", merchant_id)


def expiry_after(now: int, years: int) -> Expiry:
    """Return the month `years` years after now (UTC)."""
    today = time.gmtime(now // SECOND)
    return Expiry(today.tm_year + years, today.tm_mon)


@lru_cache(maxsize=256)  # tokens of four years end in 49 different months
def expiry_ending(ends_at: int) -> Expiry:
    """Return the expiry whose `ends_at()` is this time. With this inverse, a row stores a token's end once."""
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
