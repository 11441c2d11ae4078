"""Write cryptogram.json: key derivations and cryptograms, computed by pycryptodome from the specification alone.

This file imports nothing of the server, so the vectors are an independent check. Run it after a change of the format,
which is also a new cryptogram version: `python tests/vectors/make_cryptogram_vectors.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from Crypto.Cipher import AES
from Crypto.Hash import CMAC

FILE = Path(__file__).with_name("cryptogram.json")
DATA = bytes(range(32))
TOKENS = (("4895370012003478", 0), ("4999990123456784", 99), ("37999912345678", 1), ("4999990123456784123", 7))


def token_master_key(imk: bytes, token_pan: str, psn: int) -> bytes:
    """Return a token's key (EMV Book 2, A1.4.3: option C)."""
    y = bytes.fromhex(f"{token_pan}{psn:02d}".rjust(32, "0"))
    complement = bytes(0xFF - octet for octet in y)
    cipher = AES.new(imk, AES.MODE_ECB)
    return (cipher.encrypt(y) + (cipher.encrypt(complement) if len(imk) > 16 else b""))[: len(imk)]


def session_key(master_key: bytes, atc: int) -> bytes:
    """Return the common session key (EMV Book 2, A1.3)."""
    cipher = AES.new(master_key, AES.MODE_ECB)
    counter = atc.to_bytes(2, "big")
    if len(master_key) == 16:
        return cipher.encrypt(counter.ljust(16, b"\0"))
    halves = [cipher.encrypt((counter + mark).ljust(16, b"\0")) for mark in (b"\xf0", b"\x0f")]
    return b"".join(halves)[: len(master_key)]


def application_cryptogram(key: bytes, data: bytes) -> bytes:
    """Return the first eight bytes of the AES-CMAC."""
    return CMAC.new(key, data, ciphermod=AES).digest()[:8]


def mac_input(fields: dict[str, Any]) -> bytes:
    """Return the 46 bytes that the code authenticates, field by field."""
    return b"".join(
        [
            bytes.fromhex(fields["token_pan"].rjust(20, "0")),
            bytes.fromhex(fields["token_expiry_yymm"]),
            bytes.fromhex(fields["trid"].rjust(12, "0")),
            hashlib.sha256(fields["merchant_id"].encode()).digest()[:8],
            fields["atc"].to_bytes(2, "big"),
            bytes.fromhex(fields["unpredictable_number"]),
            bytes.fromhex(str(fields["minor_units"]).rjust(12, "0")),
            bytes.fromhex(fields["currency"].rjust(4, "0")),
            bytes([fields["flags"]]),
            fields["issue_minute"].to_bytes(3, "big"),
            b"\xa1",
            bytes([fields["key_index"]]),
        ]
    )


def cryptogram(imk: bytes, fields: dict[str, Any]) -> str:
    """Return the encoded cryptogram."""
    master_key = token_master_key(imk, fields["token_pan"], fields["psn"])
    packed = [
        b"\xa1",
        bytes([fields["key_index"]]),
        fields["atc"].to_bytes(2, "big"),
        bytes.fromhex(fields["unpredictable_number"]),
        application_cryptogram(session_key(master_key, fields["atc"]), mac_input(fields)),
        bytes([fields["flags"]]),
        fields["issue_minute"].to_bytes(3, "big"),
    ]
    return base64.b64encode(b"".join(packed)).decode()


def derivations() -> list[dict[str, Any]]:
    """Return vectors of every key size and every token, at both ends of the counter."""
    vectors = []
    for size in (16, 24, 32):
        imk = bytes(range(size))
        for token_pan, psn in TOKENS:
            for atc in (1, 0xFFFF):
                master_key = token_master_key(imk, token_pan, psn)
                key = session_key(master_key, atc)
                code = application_cryptogram(key, DATA)
                vectors.append(
                    {"imk": imk.hex(), "token_pan": token_pan, "psn": psn, "atc": atc, "data": DATA.hex()}
                    | {"master_key": master_key.hex(), "session_key": key.hex(), "code": code.hex()}
                )
    return vectors


def cryptograms() -> list[dict[str, Any]]:
    """Return a plain cryptogram, one with every field at its limit, and one that is bound to an amount."""
    plain = {
        "token_pan": "4999990123456784",
        "psn": 0,
        "token_expiry_yymm": "3011",
        "trid": "90012345678",
        "merchant_id": "mer_one",
        "key_index": 1,
        "atc": 1,
        "unpredictable_number": "01020304",
        "flags": 0,
        "issue_minute": 13_142_285,
        "minor_units": 0,
        "currency": "0",
    }
    limits = {"psn": 99, "key_index": 255, "atc": 65_535, "issue_minute": 2**24 - 1, "merchant_id": "ü" * 64}
    bound = {"flags": 3, "minor_units": 999_999_999_999, "currency": "356"}
    imk = bytes(range(32))
    return [
        {"imk": imk.hex(), **fields, "mac_input": mac_input(fields).hex(), "cryptogram": cryptogram(imk, fields)}
        for fields in (plain, plain | limits, plain | bound)
    ]


def text() -> str:
    """Return the text of the file."""
    return json.dumps({"derivations": derivations(), "cryptograms": cryptograms()}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
