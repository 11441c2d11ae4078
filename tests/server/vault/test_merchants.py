"""Merchants, their keys, and their secrets, which are shown once."""

from __future__ import annotations

from pathlib import Path

from tests.support.builders import audit_entries, details_of, stored_in
from tests.support.clock import NOW, SettableClock
from tests.support.databases import files_of
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.identifiers import ClientId, MerchantId
from tokenvault_server.domain.keys import Purpose


async def test_an_added_merchant_is_found_by_its_id_and_by_its_client_id(vault: Vault) -> None:
    merchant = (await vault.merchants.add("Shop", "tests")).merchant
    assert await vault.merchants.load(merchant.merchant_id) == merchant
    assert await vault.merchants.id_of(merchant.merchant_id) == merchant.merchant_id
    assert await vault.merchants.id_of_client(merchant.client_id) == merchant.merchant_id
    assert (merchant.name, merchant.created_at) == ("Shop", NOW)


async def test_a_merchant_that_was_never_added_is_unknown(vault: Vault) -> None:
    assert await vault.merchants.load(MerchantId("mer_nobody")) is None
    assert await vault.merchants.id_of(MerchantId("mer_nobody")) is None
    assert await vault.merchants.id_of_client(ClientId("CLIENT_nobody")) is None


async def test_an_unknown_client_id_gets_the_secrets_of_the_last_known_merchant(vault: Vault) -> None:
    assert await vault.merchants.secrets_of_client(ClientId("CLIENT_nobody")) == (None, [])
    merchant = (await vault.merchants.add("Shop", "tests")).merchant
    found, live = await vault.merchants.secrets_of_client(merchant.client_id)
    assert (found, len(live)) == (merchant, 1)
    assert await vault.merchants.secrets_of_client(ClientId("CLIENT_nobody")) == (None, live)


async def test_merchants_are_listed_oldest_first(vault: Vault, clock: SettableClock) -> None:
    for name in ("One", "Two", "Three"):
        await vault.merchants.add(name, "tests")
        clock.advance(seconds=1)
    assert [merchant.name for merchant in await vault.merchants.list()] == ["One", "Two", "Three"]


async def test_merchants_with_the_same_name_are_distinct(vault: Vault) -> None:
    one, other = [await vault.merchants.add("Shop", "tests") for _ in range(2)]
    assert one.merchant.merchant_id != other.merchant.merchant_id
    assert one.merchant.client_id != other.merchant.client_id
    assert one.client_secret != other.client_secret


async def test_a_merchant_has_keys_of_its_own(vault: Vault) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    owned = [key.purpose for key in await KeyTable(vault.engine).all() if key.owner == merchant_id]
    assert sorted(owned) == sorted([Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID])


async def test_a_new_secret_is_visible_only_when_it_is_revealed(vault: Vault) -> None:
    added = await vault.merchants.add("Shop", "tests")
    assert added.client_secret.reveal() not in repr(added)


async def test_no_secret_is_stored_in_the_clear(vault: Vault, tmp_path: Path) -> None:
    added = await vault.merchants.add("Shop", "tests")
    partner = await vault.partners.add("Platform", "tests")
    rotated = await vault.merchants.rotate_secret(added.merchant.merchant_id, 0, "tests")
    stored = stored_in(tmp_path) + await files_of(vault.settings)
    assert added.merchant.client_id.encode() in stored
    assert added.client_secret.reveal().encode() not in stored
    assert partner.api_key.reveal().encode() not in stored
    assert rotated.secret.reveal().encode() not in stored


async def test_adding_is_audited_with_its_actor(vault: Vault) -> None:
    merchant_id = (await vault.merchants.add("Shop", "the operator")).merchant.merchant_id
    (entry,) = await audit_entries(vault, merchant_id)
    assert (entry["action"], entry["actor"], details_of(entry)) == ("merchant.added", "the operator", {"name": "Shop"})
