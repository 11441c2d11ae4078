"""The native cryptogram: what its code vouches for, and how its twenty bytes are laid out. Pure.

| byte  | content                                             |
| ----- | --------------------------------------------------- |
| 0     | 0xA1, the cryptogram version                        |
| 1     | key index: which issuer master key made it          |
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
from tokenvault_server.tsp.local.derivation import IssuerMasterKey, application_cryptogram, session_key
from tokenvault_server.tsp.provider import Amount

VERSION = 0xA1
MERCHANT_INITIATED = 1
AMOUNT_BOUND = 2

_LAYOUT = struct.Struct(">BBH4s8sI")  # flags and minute share the last four bytes
_UNDER_THE_CODE = struct.Struct(">18s8sH4s8sIBB")
_UNBOUND = "0" * 16
_MINUTES = 1 << 24


class Claims(NamedTuple):
    """What a cryptogram says of itself, readable by anyone; the code makes it believable."""

    key_index: int
    atc: int
    unpredictable_number: bytes
    flags: int
    issue_minute: int


class Subject(NamedTuple):
    """Whom a cryptogram is for: it verifies with exactly these, and with nothing else."""

    token_pan: str
    token_expiry_yymm: str
    trid: str
    merchant_id: str
    amount: Amount | None = None

    def __repr__(self) -> str:
        """Show nothing: it holds a token PAN."""
        return "Subject(****)"


def mac_input(subject: Subject, claims: Claims) -> bytes:
    """Give the 46 bytes under the code; decimal fields are packed and padded on the left.

    token PAN 10, token expiry YYMM 2, TRID 6, SHA-256 of the merchant id 8, ATC 2, unpredictable number 4, minor units
    6, currency 2, flags 1, minute of issue 3, version 1, key index 1.
    """
    amount = subject.amount
    bound = f"{amount.minor_units:012d}{amount.currency:>04}" if amount else _UNBOUND
    return _UNDER_THE_CODE.pack(
        bytes.fromhex(f"{subject.token_pan:>020}{subject.token_expiry_yymm}{subject.trid:>012}"),
        hashlib.sha256(subject.merchant_id.encode()).digest(),  # of which the first eight bytes are taken
        claims.atc,
        claims.unpredictable_number,
        bytes.fromhex(bound),
        claims.flags << 24 | claims.issue_minute,
        VERSION,
        claims.key_index,
    )


def code(master_key: IssuerMasterKey, psn: int, subject: Subject, claims: Claims) -> bytes:
    """Give the code that belongs into a cryptogram with these claims."""
    token_key = master_key.token_master_key(subject.token_pan, psn)
    return application_cryptogram(session_key(token_key, claims.atc), mac_input(subject, claims))


def encode(claims: Claims, mac: bytes) -> str:
    """Give the 28 characters that travel."""
    stamp = claims.flags << 24 | claims.issue_minute
    packed = _LAYOUT.pack(VERSION, claims.key_index, claims.atc, claims.unpredictable_number, mac, stamp)
    return binascii.b2a_base64(packed, newline=False).decode()


def decode(text: str) -> tuple[Claims, bytes] | None:
    """Give a cryptogram's claims and its code, or None when `text` is not one of ours, to the last bit."""
    try:
        packed = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    # base64 of twenty bytes leaves two bits unused: only the one spelling that we give is taken.
    if len(packed) != _LAYOUT.size or binascii.b2a_base64(packed, newline=False).decode() != text:
        return None
    version, key_index, atc, unpredictable_number, mac, stamp = _LAYOUT.unpack(packed)
    if version != VERSION:
        return None
    return Claims(key_index, atc, unpredictable_number, stamp >> 24, stamp & 0xFFFFFF), mac


def issue_minute(now: int) -> int:
    """Give the minute that a cryptogram issued now carries."""
    return now // MINUTE % _MINUTES


def issued_at(minute: int, now: int) -> int:
    """Give the moment, in microseconds, that a carried minute means: of all that fit, the one nearest to now."""
    present = now // MINUTE
    distance = (minute - present + _MINUTES // 2) % _MINUTES - _MINUTES // 2
    return (present + distance) * MINUTE
