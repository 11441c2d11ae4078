"""A passphrase derives a master key for each vault, and a wrong one opens nothing."""

from __future__ import annotations

import asyncio
import time

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
    return asyncio.run(kek.wrap(MATERIAL, CONTEXT))


async def test_what_a_passphrase_wraps_it_unwraps(kek: PassphraseKek, wrapped: bytes) -> None:
    await kek.health()
    assert await kek.unwrap(wrapped, CONTEXT) == MATERIAL
    assert (kek.uri, kek.epoch, wrapped[:5].hex()) == ("passphrase:", "1", "0200000001")


async def test_a_wrong_passphrase_unwraps_nothing(wrapped: bytes) -> None:
    with pytest.raises(KeyUnavailableError) as caught:
        await PassphraseKek(Secret("incorrect horse")).unwrap(wrapped, CONTEXT)
    assert "does not unwrap" in caught.value.hint


async def test_another_vault_has_another_master_key(kek: PassphraseKek, wrapped: bytes) -> None:
    with pytest.raises(KeyUnavailableError):
        await kek.unwrap(wrapped, KeyContext("vlt_2", Purpose.RECORD, "mer_1", 1))


def test_another_library_derives_the_same_master_key(wrapped: bytes) -> None:
    master = scrypt(PASSPHRASE, "tokenvault passphrase v1:vlt_1", 32, N=2**15, r=8, p=3)
    assert isinstance(master, bytes)
    assert reference.gcm_open(master, wrapped[5:17], wrapped[17:], CONTEXT.encode()) == MATERIAL


async def test_the_loop_goes_on_while_a_master_key_is_derived() -> None:
    deriving = asyncio.create_task(PassphraseKek(Secret(PASSPHRASE)).wrap(MATERIAL, CONTEXT))
    iterations = 0
    while not deriving.done():
        await asyncio.sleep(0)
        iterations += 1
    assert iterations > 10  # a loop that stood still would see the task done after one or two


async def test_concurrent_calls_derive_a_master_key_once(wrapped: bytes) -> None:
    kek = PassphraseKek(Secret(PASSPHRASE))
    started = time.process_time()
    await kek.unwrap(wrapped, CONTEXT)
    once = time.process_time() - started
    kek = PassphraseKek(Secret(PASSPHRASE))
    started = time.process_time()
    await asyncio.gather(*(kek.unwrap(wrapped, CONTEXT) for _ in range(8)))
    assert time.process_time() - started < 4 * once
