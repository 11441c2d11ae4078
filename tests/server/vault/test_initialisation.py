"""A vault is initialised once: its id and keys are created together, and a second initialisation changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.clock import SettableClock
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.providers.file import FileKek, create_key_file
from tokenvault_server.vault.initialisation import initialise_vault

OWN_KEYS = (
    Purpose.AUDIT,
    Purpose.API_SECRET,
    Purpose.CREDENTIAL,
    Purpose.IDEMPOTENCY,
    Purpose.FINGERPRINT,
    Purpose.ROW,
)


@pytest.fixture
def kek(tmp_path: Path) -> FileKek:
    create_key_file(tmp_path / "master.key")
    return FileKek(tmp_path / "master.key")


async def test_a_new_database_becomes_a_vault_with_its_own_keys(
    engine: Engine, kek: FileKek, clock: SettableClock
) -> None:
    vault_id = await initialise_vault(engine, kek, clock)
    table = KeyTable(engine)
    assert vault_id.startswith("vlt_")
    assert await table.vault_id() == vault_id
    assert [key.purpose for key in await table.all()] == list(OWN_KEYS)


async def test_every_key_of_a_new_vault_opens(engine: Engine, kek: FileKek, clock: SettableClock) -> None:
    keyring = Keyring(kek, KeyTable(engine), await initialise_vault(engine, kek, clock))
    assert {(await keyring.active(purpose)).purpose for purpose in OWN_KEYS} == set(OWN_KEYS)


async def test_initialising_again_changes_nothing(engine: Engine, kek: FileKek, clock: SettableClock) -> None:
    first = await initialise_vault(engine, kek, clock)
    keys = await KeyTable(engine).all()
    clock.advance(days=1)
    assert await initialise_vault(engine, kek, clock) == first
    assert await KeyTable(engine).all() == keys


async def test_another_master_key_unwraps_no_key(
    engine: Engine, kek: FileKek, clock: SettableClock, tmp_path: Path
) -> None:
    vault_id = await initialise_vault(engine, kek, clock)
    create_key_file(tmp_path / "other.key")
    keyring = Keyring(FileKek(tmp_path / "other.key"), KeyTable(engine), vault_id)
    with pytest.raises(KeyUnavailableError):
        await keyring.active(Purpose.AUDIT)


async def test_two_concurrent_initialisations_make_one_vault(
    engine: Engine, kek: FileKek, clock: SettableClock
) -> None:
    one, other = await asyncio.gather(*(initialise_vault(engine, kek, clock) for _ in range(2)))
    assert one == other
