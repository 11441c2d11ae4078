"""Merchants and partners: their keys, their secrets that are shown once, and who may act for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import audit_entries, sql, stored_in
from tests.support.clock import NOW, SettableClock
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.identifiers import ClientId, MerchantId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import StoreError


async def test_an_added_merchant_is_found_by_its_id_and_by_its_client_id(vault: Vault) -> None:
    merchant = (await vault.merchants.add("Shop", "tests")).merchant
    assert await vault.merchants.load(merchant.merchant_id) == merchant
    assert await vault.merchants.of_client(merchant.client_id) == merchant
    assert (merchant.name, merchant.created_at) == ("Shop", NOW)


async def test_a_merchant_that_nobody_added_is_nobody(vault: Vault) -> None:
    assert await vault.merchants.load(MerchantId("mer_nobody")) is None
    assert await vault.merchants.of_client(ClientId("CLIENT_nobody")) is None


async def test_merchants_are_listed_oldest_first(vault: Vault, clock: SettableClock) -> None:
    for name in ("One", "Two", "Three"):
        await vault.merchants.add(name, "tests")
        clock.advance(seconds=1)
    assert [merchant.name for merchant in await vault.merchants.list()] == ["One", "Two", "Three"]


async def test_two_merchants_of_one_name_are_two_merchants(vault: Vault) -> None:
    one, other = [await vault.merchants.add("Shop", "tests") for _ in range(2)]
    assert one.merchant.merchant_id != other.merchant.merchant_id
    assert one.merchant.client_id != other.merchant.client_id
    assert one.client_secret != other.client_secret


async def test_a_merchant_has_keys_of_its_own(vault: Vault) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    owned = [key.purpose for key in await KeyTable(vault.engine).all() if key.owner == merchant_id]
    assert sorted(owned) == sorted([Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID])


async def test_a_secret_is_recognised_by_its_digest(vault: Vault) -> None:
    added = await vault.merchants.add("Shop", "tests")
    digest = await vault.custody.digest(added.client_secret)
    assert await vault.merchants.live_digests(added.merchant.merchant_id) == (digest,)
    assert await vault.custody.digest(Secret("tvsk_wrong")) != digest


async def test_a_new_secret_shows_itself_only_when_it_is_opened(vault: Vault) -> None:
    added = await vault.merchants.add("Shop", "tests")
    assert added.client_secret.reveal() not in repr(added)


async def test_no_secret_is_stored_in_the_clear(vault: Vault, tmp_path: Path) -> None:
    added = await vault.merchants.add("Shop", "tests")
    partner = await vault.merchants.add_partner("Platform", added.merchant.merchant_id, "tests")
    stored = stored_in(tmp_path)
    assert added.merchant.client_id.encode() in stored
    assert added.client_secret.reveal().encode() not in stored
    assert partner.api_key.reveal().encode() not in stored


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_a_secret_that_has_ended_is_not_live(vault: Vault, column: str) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    await sql(vault.engine, f"UPDATE merchant_secrets SET {column} = :now", now=NOW)
    assert await vault.merchants.live_digests(merchant_id) == ()


async def test_a_secret_lives_until_the_moment_it_expires(vault: Vault, clock: SettableClock) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    await sql(vault.engine, "UPDATE merchant_secrets SET expires_at = :at", at=NOW + 2_000_000)
    clock.advance(seconds=1)
    assert len(await vault.merchants.live_digests(merchant_id)) == 1
    clock.advance(seconds=1)
    assert len(await vault.merchants.live_digests(merchant_id)) == 0


async def test_a_partner_acts_for_the_merchant_it_is_linked_to_and_for_no_other(vault: Vault) -> None:
    one, other = [(await vault.merchants.add(name, "tests")).merchant.merchant_id for name in ("One", "Two")]
    partner = await vault.merchants.add_partner("Platform", one, "tests")
    digest = await vault.custody.digest(partner.api_key)
    assert await vault.merchants.partner_for(one, digest) == partner.partner_id
    assert await vault.merchants.partner_for(other, digest) is None


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_a_partner_key_that_has_ended_opens_nothing(vault: Vault, column: str) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    partner = await vault.merchants.add_partner("Platform", merchant_id, "tests")
    await sql(vault.engine, f"UPDATE partner_keys SET {column} = :now", now=NOW)
    assert await vault.merchants.partner_for(merchant_id, await vault.custody.digest(partner.api_key)) is None


async def test_adding_is_audited_with_who_did_it(vault: Vault) -> None:
    merchant_id = (await vault.merchants.add("Shop", "the operator")).merchant.merchant_id
    partner = await vault.merchants.add_partner("Platform", merchant_id, "the operator")
    entries = await audit_entries(vault, merchant_id)
    assert [(entry["action"], entry["actor"]) for entry in entries] == [
        ("merchant.added", "the operator"),
        ("partner.added", "the operator"),
    ]
    assert entries[1]["details"] == {"partner_id": partner.partner_id}


async def test_a_partner_of_an_unknown_merchant_is_refused(vault: Vault) -> None:
    with pytest.raises(StoreError):
        await vault.merchants.add_partner("Platform", MerchantId("mer_nobody"), "tests")


async def test_a_partner_that_could_not_be_linked_is_not_added(vault: Vault) -> None:
    with pytest.raises(StoreError):
        await vault.merchants.add_partner("Platform", MerchantId("mer_nobody"), "tests")
    assert await sql(vault.engine, "SELECT COUNT(*) FROM partners") == [(0,)]
