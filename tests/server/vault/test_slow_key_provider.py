"""A slow key provider delays only calls that need it, and never keeps a transaction open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.builders import CUSTOMER, a_cryptogram, a_merchant, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.key_providers import BlockingKek
from tokenvault_server.bootstrap import Vault, key_provider, open_vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.keys import KeyState, Purpose
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local import setup as local_tsp
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.initialisation import initialise_vault
from tokenvault_server.vault.instruments import SavedCard

TOUCH_KEYS = "UPDATE vault SET key_changes = key_changes"
"""Waits for every transaction that changes keys; on SQLite, for every transaction that writes."""


@pytest.fixture
def kek(settings: Settings) -> BlockingKek:
    return BlockingKek(key_provider(settings))


@pytest.fixture
async def vault(settings: Settings, clock: SettableClock, kek: BlockingKek) -> AsyncIterator[Vault]:
    opened = await open_vault(settings, clock, initialise=True, kek=kek)
    yield opened
    kek.release()
    await opened.close()


@pytest.fixture
async def card(vault: Vault, caller: Caller) -> SavedCard:
    """Return a saved card whose keys are all in memory."""
    card = await a_saved_card(vault, caller)
    await a_cryptogram(vault, caller, card)
    return card


async def serve(vault: Vault, caller: Caller, card: SavedCard) -> None:
    """Do what one merchant's calls do: read, issue a cryptogram, commit."""
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == [card]
    await a_cryptogram(vault, caller, card)
    await sql(vault.engine, TOUCH_KEYS)


async def test_adding_a_merchant_blocks_no_other(
    vault: Vault, caller: Caller, card: SavedCard, kek: BlockingKek
) -> None:
    kek.block()
    adding = asyncio.create_task(vault.merchants.add("Slow Shop", "tests"))
    await kek.waiting()
    await serve(vault, caller, card)
    assert not adding.done()
    kek.release()
    assert await vault.merchants.load((await adding).merchant.merchant_id)


async def test_unwrapping_a_merchants_key_blocks_no_other(
    vault: Vault, caller: Caller, card: SavedCard, kek: BlockingKek
) -> None:
    other = await a_merchant(vault, "Slow Shop")
    others_card = await a_saved_card(vault, other)
    vault.keyring.clear()
    kek.block(other.merchant_id)
    issuing = asyncio.create_task(a_cryptogram(vault, other, others_card))
    await kek.waiting()
    await serve(vault, caller, card)
    assert not issuing.done()
    kek.release()
    await issuing


async def test_renewing_the_daily_keys_blocks_no_call(
    vault: Vault, caller: Caller, card: SavedCard, kek: BlockingKek, clock: SettableClock
) -> None:
    clock.advance(days=1)
    kek.block("")
    rotating = asyncio.create_task(vault.daily_keys.rotate())
    await kek.waiting()
    await serve(vault, caller, card)
    assert not rotating.done()
    kek.release()
    await rotating
    assert len(await KeyTable(vault.engine).of(Purpose.IDEMPOTENCY, "")) == 2


async def test_no_transaction_is_open_while_the_provider_is_called(
    vault: Vault, caller: Caller, card: SavedCard, kek: BlockingKek, clock: SettableClock
) -> None:
    async def write_to_both() -> None:
        await sql(vault.engine, TOUCH_KEYS)
        await sql(vault.tsp_engine, TOUCH_KEYS)

    kek.meanwhile = write_to_both
    await vault.merchants.add("Another Shop", "tests")
    await vault.client_signatures.make_key(caller.merchant_id, "tests")
    clock.advance(days=1)
    await vault.daily_keys.rotate()
    vault.keyring.clear()
    await serve(vault, caller, card)
    await vault.audit.checkpoint()


async def test_no_transaction_is_open_while_the_first_keys_are_wrapped(
    engine: Engine, kek: BlockingKek, clock: SettableClock
) -> None:
    kek.meanwhile = lambda: sql(engine, TOUCH_KEYS)
    await initialise_vault(engine, kek, clock)
    assert len(await KeyTable(engine).all()) == 6


async def test_no_transaction_is_open_while_a_token_services_first_keys_are_wrapped(
    engine: Engine, kek: BlockingKek, clock: SettableClock
) -> None:
    kek.meanwhile = lambda: sql(engine, TOUCH_KEYS)
    await local_tsp.initialise(engine, kek, clock)
    assert await KeyTable(engine).of(Purpose.CARD, "")


async def test_of_two_pairs_created_concurrently_the_second_has_the_next_version(
    vault: Vault, caller: Caller, kek: BlockingKek, settings: Settings
) -> None:
    keyring = Keyring(key_provider(settings), KeyTable(vault.engine), vault.vault_id)
    quick = ClientSignatures(vault.engine, keyring, vault.audit, vault.clock)
    kek.block()
    slow = asyncio.create_task(vault.client_signatures.make_key(caller.merchant_id, "tests"))
    await kek.waiting()
    await quick.make_key(caller.merchant_id, "tests")
    kek.release()
    await slow
    keys = await KeyTable(vault.engine).of(Purpose.CLIENT_SIGNATURE, caller.merchant_id)
    assert [(key.version, key.state) for key in keys] == [(2, KeyState.ACTIVE), (1, KeyState.DESTROYED)]
    assert (await vault.keyring.active(Purpose.CLIENT_SIGNATURE, caller.merchant_id)).version == 2


async def test_a_daily_key_that_another_process_renews_at_the_same_time_is_renewed_once(
    vault: Vault, settings: Settings, kek: BlockingKek, clock: SettableClock
) -> None:
    other = await open_vault(settings, clock)
    clock.advance(days=1)
    kek.block()
    slow = asyncio.create_task(vault.daily_keys.rotate())
    await kek.waiting()
    await other.daily_keys.rotate()
    await other.close()
    kek.release()
    await slow
    assert [key.version for key in await KeyTable(vault.engine).of(Purpose.FINGERPRINT, "")] == [2, 1]
