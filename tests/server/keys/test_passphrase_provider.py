"""A passphrase gives every vault a master key of its own, and a wrong one gives nothing."""

from __future__ import annotations

import pytest
from Crypto.Protocol.KDF import scrypt

from tests.server.keys import reference
from tests.server.keys.fakes import MATERIAL
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.kek import KeyContext
from tokenvault_server.keys.providers.passphrase import PassphraseKek

PASSPHRASE = "correct horse battery staple"
CONTEXT = KeyContext("vlt_1", Purpose.RECORD, "mer_1", 1)


@pytest.fixture(scope="module")
def kek() -> PassphraseKek:
    return PassphraseKek(Secret(PASSPHRASE))


@pytest.fixture(scope="module")
def wrapped(kek: PassphraseKek) -> bytes:
    return kek.wrap(MATERIAL, CONTEXT)


def test_what_a_passphrase_wraps_it_unwraps(kek: PassphraseKek, wrapped: bytes) -> None:
    kek.health()
    assert kek.unwrap(wrapped, CONTEXT) == MATERIAL
    assert (kek.uri, kek.epoch, wrapped[:5].hex()) == ("passphrase:", "1", "0200000001")


def test_a_wrong_passphrase_unwraps_nothing(wrapped: bytes) -> None:
    with pytest.raises(KeyUnavailableError) as caught:
        PassphraseKek(Secret("incorrect horse")).unwrap(wrapped, CONTEXT)
    assert "does not unwrap" in caught.value.hint


def test_another_vault_has_another_master_key(kek: PassphraseKek, wrapped: bytes) -> None:
    with pytest.raises(KeyUnavailableError):
        kek.unwrap(wrapped, KeyContext("vlt_2", Purpose.RECORD, "mer_1", 1))


def test_another_library_derives_the_same_master_key(wrapped: bytes) -> None:
    master = scrypt(PASSPHRASE, "tokenvault passphrase v1:vlt_1", 32, N=2**15, r=8, p=3)
    assert isinstance(master, bytes)
    assert reference.gcm_open(master, wrapped[5:17], wrapped[17:], CONTEXT.encode()) == MATERIAL
