"""Ed25519 signatures (RFC 8032) under the audit key: checkpoints and receipts that auditors can verify."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.keys.keyring import Key


def sign(key: Key, message: bytes) -> bytes:
    """Return the 64-byte signature of a message."""
    return _private(key).sign(message)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the signature is the key's; False for a malformed key or signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(key: Key) -> bytes:
    """Return the 32 bytes that verify what this key signs; they may be published."""
    return _private(key).public_key().public_bytes_raw()


def _private(key: Key) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.material_for(Purpose.AUDIT))
