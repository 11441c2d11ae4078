"""The stored formats a second time, from docs/reference/storage-format.md and with another library, to compare with."""

from __future__ import annotations

import struct

from Crypto.Cipher import AES
from Crypto.Hash import CMAC

from tokenvault_server.keys.envelope import RecordLocation


def framed(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(field)) + field for field in fields)


def bound(location: RecordLocation) -> list[bytes]:
    texts = (location.vault_id, location.merchant_id, location.customer_id, location.record_id, location.record_type)
    numbers = (location.schema_version.to_bytes(4, "big"), location.row_version.to_bytes(8, "big"))
    return [*(text.encode() for text in texts), *numbers]


def gcm_open(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
    cipher.update(associated)
    return cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])


def gcm_seal(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
    cipher.update(associated)
    return b"".join(cipher.encrypt_and_digest(plain))


def data_key(key: bytes, location: RecordLocation, sealed: bytes) -> bytes:
    return gcm_open(key, sealed[6:18], sealed[18:66], framed(b"dek", sealed[:2], *bound(location), sealed[2:6]))


def open_record(key: bytes, location: RecordLocation, sealed: bytes) -> bytes:
    associated = framed(b"rec", sealed[:2], *bound(location))
    return gcm_open(data_key(key, location, sealed), sealed[66:78], sealed[78:], associated)


def seal_record(key: bytes, key_id: int, location: RecordLocation, payload: bytes, fresh: bytes) -> bytes:
    dek, wrap_nonce, nonce = fresh[:32], fresh[32:44], fresh[44:56]
    head, wrapper = b"\x01\x01", key_id.to_bytes(4, "big")
    wrapped = gcm_seal(key, wrap_nonce, dek, framed(b"dek", head, *bound(location), wrapper))
    sealed = gcm_seal(dek, nonce, payload, framed(b"rec", head, *bound(location)))
    return head + wrapper + wrap_nonce + wrapped + nonce + sealed


def cmac(key: bytes, message: bytes) -> bytes:
    return CMAC.new(key, message, ciphermod=AES).digest()
