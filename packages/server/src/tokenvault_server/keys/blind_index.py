"""Keyed values that find and compare a reference without storing it.

Keyed, because the references of cards are few enough to try them all against a bare hash.
"""

from __future__ import annotations

import hmac
from typing import Final

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.keys.fields import framed
from tokenvault_server.keys.keyring import Key

_VERSION: Final = b"\x01"  # of this construction, so that a later one never gives the same values


def blind_index(key: Key, merchant_id: str, reference: str) -> bytes:
    """Return the 32 bytes that find a merchant's reference again (PCI DSS 3.5.1.1: keyed)."""
    return _keyed(key.material_for(Purpose.INDEX, Purpose.CARD_INDEX), merchant_id, reference)


def instrument_uid(key: Key, merchant_id: str, par: str) -> str:
    """Return the 64 hex digits that stay the same for one card at one merchant, and differ at every other."""
    return _keyed(key.material_for(Purpose.INSTRUMENT_UID), merchant_id, par).hex()


def _keyed(material: bytes, merchant_id: str, reference: str) -> bytes:
    return hmac.digest(material, framed(_VERSION, merchant_id.encode(), reference.encode()), "sha256")
