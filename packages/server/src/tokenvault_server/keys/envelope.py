"""Sealed records: a new data key for every write, wrapped by the merchant's key, both bound to one location.

Record format 1 (docs/reference/storage-format.md); 94 bytes more than the payload:

    offset  size  field
    0       1     format, 0x01
    1       1     suite, 0x01: AES-256-GCM in both layers
    2       4     id of the wrapping key, big endian
    6       12    nonce of the wrap
    18      48    wrapped data key and tag
    66      12    nonce of the payload
    78      n+16  payload and tag

A fresh data key seals one payload, so its nonce can never repeat; the wrapping key sees one random nonce for each write
and must be retired before 2**32 of them (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import os
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenvault_server.domain.keys import KeyState
from tokenvault_server.errors import KeyUnavailableError, SealBrokenError
from tokenvault_server.keys.fields import LENGTH, framed
from tokenvault_server.keys.keyring import RECORD_HEADER, Key

OVERHEAD: Final = 94
FRESH: Final = 56  # a data key and two nonces, from one call to the system's generator

_WRAP_LABEL: Final = framed(b"dek", RECORD_HEADER)
_PAYLOAD_LABEL: Final = framed(b"rec", RECORD_HEADER)
_VERSIONS: Final = struct.Struct(">HIHQ")  # schema version in 4 bytes and row version in 8, each after its length
_ACTIVE: Final = KeyState.ACTIVE
_DOES_NOT_OPEN: Final = (InvalidTag, struct.error, OverflowError, UnicodeEncodeError)
"""The errors of a wrong tag, and of a location that cannot be encoded, so that no record was sealed for it."""


class RecordLocation(NamedTuple):
    """The only location where a sealed record opens. A tuple, because every request makes one."""

    vault_id: str
    merchant_id: str
    customer_id: str
    record_id: str
    record_type: str
    schema_version: int
    row_version: int


def seal(key: Key, location: RecordLocation, payload: bytes) -> bytes:
    """Return the payload as a sealed record that opens at `location` only.

    Raises:
        KeyUnavailableError: the key is retired, or serves a purpose that does not seal.
    """
    return _seal(key, location, payload, os.urandom(FRESH))


def open_sealed(key: Key, location: RecordLocation, sealed: bytes) -> bytes:
    """Return the payload of a sealed record.

    Raises:
        SealBrokenError: it was altered, cut, moved, or sealed under another key.
    """
    if sealed[:6] != key.header or len(sealed) < OVERHEAD:
        raise _unreadable(key, sealed)
    try:
        bound = _bound(location)
        data_key = _aead(key).decrypt(sealed[6:18], sealed[18:66], _WRAP_LABEL + bound + key.bound_id)
        return AESGCM(data_key).decrypt(sealed[66:78], sealed[78:], _PAYLOAD_LABEL + bound)
    except _DOES_NOT_OPEN:
        raise SealBrokenError(hint=f"a record under key {key.key_id} was altered or moved") from None


def key_id_of(sealed: bytes) -> int:
    """Return the id of the key that wraps this record's data key.

    Raises:
        SealBrokenError: this is not a record of a known format.
    """
    if sealed[:2] != RECORD_HEADER or len(sealed) < OVERHEAD:
        raise SealBrokenError(hint="not a sealed record of format 1; was it written by a newer version?")
    return int.from_bytes(sealed[2:6], "big")


def _seal(key: Key, location: RecordLocation, payload: bytes, fresh: bytes) -> bytes:
    """Seal with given randomness: data key, nonce of the wrap, nonce of the payload. Only test vectors give it."""
    bound = _bound(location)
    data_key, nonce = fresh[:32], fresh[44:]
    sealed = AESGCM(data_key).encrypt(nonce, payload, _PAYLOAD_LABEL + bound)
    return _wrap(key, _WRAP_LABEL + bound, data_key, fresh[32:44]) + nonce + sealed


def _wrap(key: Key, bound: bytes, data_key: bytes, nonce: bytes) -> bytes:
    if key.state is not _ACTIVE:
        raise KeyUnavailableError(hint=f"key {key.key_id} no longer seals; ask the keyring for the active one")
    return key.header + nonce + _aead(key).encrypt(nonce, data_key, bound + key.bound_id)


def _bound(location: RecordLocation) -> bytes:
    """Return the location as associated data. Only the wrap adds its key's id; the payload does not depend on it."""
    vault_id, merchant_id, customer_id, record_id, record_type, schema_version, row_version = location
    vault, merchant, customer = vault_id.encode(), merchant_id.encode(), customer_id.encode()
    record, kind = record_id.encode(), record_type.encode()
    return b"".join(
        (
            LENGTH[len(vault)],
            vault,
            LENGTH[len(merchant)],
            merchant,
            LENGTH[len(customer)],
            customer,
            LENGTH[len(record)],
            record,
            LENGTH[len(kind)],
            kind,
            _VERSIONS.pack(4, schema_version, 8, row_version),
        )
    )


def _aead(key: Key) -> AESGCM:
    if key.aead is None:
        raise KeyUnavailableError(hint=f"key {key.key_id} serves '{key.purpose.value}', which seals nothing")
    return key.aead


def _unreadable(key: Key, sealed: bytes) -> SealBrokenError:
    named = key_id_of(sealed)
    return SealBrokenError(hint=f"the record names key {named}, it was given key {key.key_id}")
