"""What does it cost to check the tag of a saved card, which every call reads, and of a secret, once a second?

The goal is at most 2 us for each call. The comparison is the HMAC alone, over as many bytes.
"""

from __future__ import annotations

import hmac
import os
import timeit
from collections.abc import Callable
from typing import Final

from bench.support import seeding
from tokenvault_server.domain.credential import CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.domain.protected_row import of_credential, of_instrument
from tokenvault_server.keys import row_tags
from tokenvault_server.keys.keyring import Key

GOAL: Final = 2.0
"""Microseconds for one row."""
_CALLS: Final = 20_000
_EACH_CALL: Final = "a saved card"
_ROUNDS: Final = 15


def main() -> int:
    """Print microseconds for each kind of row; return 1 when the goal is missed."""
    material = os.urandom(32)
    key = Key(WrappedKey(1, Purpose.ROW, "", 1, KeyState.ACTIVE, b"", "1", b"", 0), material)
    merchant_id = MerchantId("mer_01a2026e901070009dbca142208d85a9")
    instrument_id = InstrumentId("01a2026e-9010-7000-858a-3311d6be9b96")
    card = seeding.bare(merchant_id, CustomerId("customer_00000001"), instrument_id, 1, 1_767_225_600_000_000)
    secret = StoredCredential(
        CredentialKind.MERCHANT_SECRET, merchant_id, "sec_1", os.urandom(32), 1_767_225_600_000_000
    )
    card_tag = row_tags.tag(key, "vlt_1", of_instrument(card))
    secret_tag = row_tags.tag(key, "vlt_1", of_credential(secret, merchant_id))
    message = os.urandom(330)
    checks: dict[str, Callable[[], object]] = {
        _EACH_CALL: lambda: row_tags.matches(key, "vlt_1", of_instrument(card), card_tag),
        "a secret": lambda: row_tags.matches(key, "vlt_1", of_credential(secret, merchant_id), secret_tag),
        "HMAC-SHA-256 of 330 bytes alone": lambda: hmac.digest(material, message, "sha256"),
    }
    took = {
        name: min(timeit.repeat(check, number=_CALLS, repeat=_ROUNDS)) / _CALLS * 1e6 for name, check in checks.items()
    }
    for name, microseconds in took.items():
        print(f"{name:34}{microseconds:6.2f} us" + (f"   goal {GOAL:.0f} us" if name == _EACH_CALL else ""))
    return 0 if took[_EACH_CALL] <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
