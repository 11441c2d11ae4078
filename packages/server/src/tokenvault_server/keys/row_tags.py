"""Tags of protected rows: a keyed MAC over the row's vault, identity and content.

    offset  size  field
    0       4     id of the key, big endian
    4       16    the first 16 bytes of HMAC-SHA-256 over the MessagePack array
                  ["tokenvault row v1", vault id, chain, kind, row id, content]

MessagePack writes the type and the length of every value, so no two rows have the same bytes. 128 bits of the MAC are
more than NIST SP 800-107 (5.3.3) requires.
"""

from __future__ import annotations

import hmac
from typing import Final

import msgspec

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.protected_row import ProtectedRow
from tokenvault_server.keys.keyring import Key

LENGTH: Final = 20
_KEY_ID: Final = 4
_LABEL: Final = "tokenvault row v1"

_encode = msgspec.msgpack.Encoder().encode


def tag(key: Key, vault_id: str, row: ProtectedRow) -> bytes:
    """Return the tag of a row.

    Raises:
        KeyUnavailableError: the key serves another purpose.
    """
    (chain, kind, row_id), content = row
    message = _encode((_LABEL, vault_id, chain, kind, row_id, content))
    return key.key_id.to_bytes(_KEY_ID, "big") + hmac.digest(key.material_for(Purpose.ROW), message, "sha256")[:16]


def key_id_of(row_tag: bytes) -> int:
    """Return the id of the key that made a tag."""
    return int.from_bytes(row_tag[:_KEY_ID], "big")
