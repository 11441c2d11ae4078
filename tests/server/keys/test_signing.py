"""A signature verifies under its key, over its message, unaltered; anything else is simply no signature."""

from __future__ import annotations

import pytest

from tests.server.keys.fakes import a_key
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.signing import public_key, sign, verify

KEY = a_key(Purpose.AUDIT)
PUBLIC = public_key(KEY)
MESSAGE = b"checkpoint"
SIGNATURE = sign(KEY, MESSAGE)


def test_a_signature_verifies() -> None:
    assert (len(PUBLIC), len(SIGNATURE)) == (32, 64)
    assert verify(PUBLIC, MESSAGE, SIGNATURE)


def test_a_signature_with_a_flipped_byte_does_not_verify() -> None:
    for offset in range(64):
        forged = SIGNATURE[:offset] + bytes([SIGNATURE[offset] ^ 1]) + SIGNATURE[offset + 1 :]
        assert not verify(PUBLIC, MESSAGE, forged)


def test_another_message_or_key_does_not_verify() -> None:
    assert not verify(PUBLIC, MESSAGE + b".", SIGNATURE)
    assert not verify(public_key(a_key(Purpose.AUDIT, bytes(32))), MESSAGE, SIGNATURE)


@pytest.mark.parametrize(("public", "signature"), [(b"", SIGNATURE), (PUBLIC[:31], SIGNATURE), (PUBLIC, b"")])
def test_a_malformed_signature_does_not_verify(public: bytes, signature: bytes) -> None:
    assert not verify(public, MESSAGE, signature)


def test_a_key_for_another_purpose_signs_nothing() -> None:
    with pytest.raises(KeyUnavailableError):
        sign(a_key(Purpose.RECORD), MESSAGE)
