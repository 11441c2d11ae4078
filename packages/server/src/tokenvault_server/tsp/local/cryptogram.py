"""The local token service's cryptogram: the input of its code and the layout of its twenty bytes. Without I/O.

| byte  | content                                             |
| ----- | --------------------------------------------------- |
| 0     | 0xA1, the cryptogram version                        |
| 1     | key index: the version of the issuer master key     |
| 2-3   | application transaction counter                     |
| 4-7   | unpredictable number                                |
| 8-15  | application cryptogram, the code itself             |
| 16    | flags: 1 merchant initiated, 2 bound to an amount   |
| 17-19 | minute of issue, modulo 2^24 (31.9 years)           |
"""

from __future__ import annotations

import binascii
import hashlib
import struct
from typing import NamedTuple

from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.tsp.local.derivation import IssuerMasterKey, application_cryptogram, session_key
from tokenvault_server.tsp.provider import Amount

VERSION = 0xA1
MERCHANT_INITIATED = 1
AMOUNT_BOUND = 2

_LAYOUT = struct.Struct(">BBH4s8sI")  # flags and minute share the last four bytes
_MAC_INPUT = struct.Struct(">18s8sH4s8sIBB")
_UNBOUND = "0" * 16
_MINUTES = 1 << 24


class Claims(NamedTuple):
    """The readable fields of a cryptogram. Anyone can read them; the code authenticates them."""

    key_index: int
    atc: int
    unpredictable_number: bytes
    flags: int
    issue_minute: int


class Subject(NamedTuple):
    """The token, merchant and amount that a cryptogram is for. It verifies with exactly these values."""

    token_pan: NetworkToken
    token_expiry_yymm: str
    trid: str
    merchant_id: str
    amount: Amount | None = None

    def __repr__(self) -> str:
        """Return no value: the subject contains a token PAN."""
        return "Subject(****)"


def mac_input(subject: Subject, claims: Claims) -> bytes:
    """Return the 46 bytes that the code authenticates; decimal fields are packed and padded on the left.

    The fields and their bytes are: token PAN 10, token expiry YYMM 2, TRID 6, SHA-256 of the merchant id 8, ATC 2,
    unpredictable number 4, minor units 6, currency 2, flags 1, minute of issue 3, version 1, key index 1.
    """
    amount = subject.amount
    bound = f"{amount.minor_units:012d}{amount.currency:>04}" if amount else _UNBOUND
    return _MAC_INPUT.pack(
        bytes.fromhex(f"{subject.token_pan.reveal():>020}{subject.token_expiry_yymm}{subject.trid:>012}"),
        hashlib.sha256(subject.merchant_id.encode()).digest(),  # the layout takes the first eight bytes
        claims.atc,
        claims.unpredictable_number,
        bytes.fromhex(bound),
        claims.flags << 24 | claims.issue_minute,
        VERSION,
        claims.key_index,
    )


def code(master_key: IssuerMasterKey, psn: int, subject: Subject, claims: Claims) -> bytes:
    """Return the code of a cryptogram with these claims."""
    token_key = master_key.token_master_key(subject.token_pan.reveal(), psn)
    return application_cryptogram(session_key(token_key, claims.atc), mac_input(subject, claims))


def encode(claims: Claims, mac: bytes) -> str:
    """Return the cryptogram as 28 characters of base64."""
    stamp = claims.flags << 24 | claims.issue_minute
    packed = _LAYOUT.pack(VERSION, claims.key_index, claims.atc, claims.unpredictable_number, mac, stamp)
    return binascii.b2a_base64(packed, newline=False).decode()


def decode(text: str) -> tuple[Claims, bytes] | None:
    """Return a cryptogram's claims and its code, or None when `text` is not exactly what `encode` returns."""
    try:
        packed = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    # Base64 of twenty bytes leaves two bits unused, so several texts decode to the same bytes. Only ours is accepted.
    if len(packed) != _LAYOUT.size or binascii.b2a_base64(packed, newline=False).decode() != text:
        return None
    version, key_index, atc, unpredictable_number, mac, stamp = _LAYOUT.unpack(packed)
    if version != VERSION:
        return None
    return Claims(key_index, atc, unpredictable_number, stamp >> 24, stamp & 0xFFFFFF), mac


def issue_minute(now: int) -> int:
    """Return the minute of issue for a cryptogram that is issued now."""
    return now // MINUTE % _MINUTES


def issued_at(minute: int, now: int) -> int:
    """Return the time, in microseconds, that a minute of issue stands for: of all that fit, the one nearest to now."""
    present = now // MINUTE
    distance = (minute - present + _MINUTES // 2) % _MINUTES - _MINUTES // 2
    return (present + distance) * MINUTE
