"""Wrapped keys of the providers that hold the master key in this process: AES-256-GCM, bound to the key's context.

Wrapped key format; 33 bytes more than the material:

    offset  size  field
    0       1     format: 0x01 key file, 0x02 passphrase
    1       4     version of the master key, big endian
    5       12    nonce
    17      n+16  material and tag

The context (`KeyContext.encode`) is the associated data. The header need not be: an altered one names another key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.kek import KeyContext

KEY_FILE: Final = b"\x01"
PASSPHRASE: Final = b"\x02"

_OVERHEAD: Final = 33


def wrap(aead: AESGCM, header: bytes, material: bytes, context: KeyContext) -> bytes:
    """Return the material, wrapped under the master key that `header` names."""
    return wrap_with(aead, header, material, context, os.urandom(12))


def wrap_with(aead: AESGCM, header: bytes, material: bytes, context: KeyContext, nonce: bytes) -> bytes:
    """Wrap with a given nonce. Only test vectors give one."""
    return header + nonce + aead.encrypt(nonce, material, context.encode())


def unwrap(masters: Mapping[bytes, AESGCM], wrapped: bytes, context: KeyContext) -> bytes:
    """Return the material; `masters` are looked up by the header of the wrapped key.

    Raises:
        KeyUnavailableError: the header names none of them, or the wrapped key does not open.
    """
    aead = masters.get(wrapped[:5])
    if aead is None or len(wrapped) < _OVERHEAD:
        raise KeyUnavailableError(hint=f"the {context.purpose.value} key was wrapped by a master key that is not here")
    try:
        return aead.decrypt(wrapped[5:17], wrapped[17:], context.encode())
    except InvalidTag:
        hint = f"the {context.purpose.value} key does not unwrap: another master key, another vault, or altered"
        raise KeyUnavailableError(hint=hint) from None


def header(kind: bytes, version: int) -> bytes:
    """Return the first five bytes of a wrapped key, which name its master key."""
    return kind + version.to_bytes(4, "big")
