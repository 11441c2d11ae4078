"""Putting the parts together: what opens, what is refused, and that nothing stays open when it is."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import CUSTOMER, a_merchant, a_saved_card, settings_in, sql
from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Api, Vault, key_provider, open_engine, open_vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    CardNotSupportedError,
    KeyProviderError,
    KeyUnavailableError,
    SettingsError,
    StoreError,
    VaultError,
)
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.settings import (
    CardRangeSetting,
    HiddenText,
    LocalProviderSetting,
    Settings,
    TokenServiceSettings,
)


def open_databases(settings: Settings) -> set[str]:
    """Return the databases of a vault in files that this process has open."""
    opened = {os.path.realpath(descriptor.path) for descriptor in os.scandir("/proc/self/fd")}
    return opened & {url.removeprefix("sqlite:///") for url in (settings.store, settings.tsp_store)}


def changed(settings: Settings, **changes: object) -> Settings:
    return msgspec.structs.replace(settings, **changes)


async def test_an_initialised_vault_opens_again_with_its_records(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    card = await a_saved_card(vault, caller)
    await vault.close()
    again = await open_vault(vault.settings, clock)
    assert again.vault_id == vault.vault_id
    assert await again.instruments.fetch_all(caller, CUSTOMER) == [card]
    await again.close()


async def test_a_vault_in_order_passes_its_check(vault: Vault) -> None:
    await vault.check()


async def test_a_vault_whose_database_is_gone_does_not(vault: Vault) -> None:
    await vault.engine.close()
    with pytest.raises(VaultError):
        await vault.check()


async def test_a_vault_whose_database_is_another_does_not(vault: Vault) -> None:
    await sql(vault.engine, "UPDATE vault SET vault_id = 'vlt_other'")
    with pytest.raises(StoreError):
        await vault.check()


async def test_a_missing_store_is_reported_with_the_command_that_makes_one(settings: Settings) -> None:
    with pytest.raises(StoreError, match="no database") as caught:
        await open_vault(settings, SettableClock())
    assert "tokenvault init" in caught.value.hint


async def test_a_store_without_a_vault_is_not_initialised_by_accident(settings: Settings, tmp_path: Path) -> None:
    for name in ("vault.db", "tsp.db"):
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match="no vault yet"):
        await open_vault(settings, SettableClock())


async def test_another_master_key_is_refused_at_the_start(vault: Vault, tmp_path: Path) -> None:
    await vault.close()
    create_key_file(tmp_path / "other.key")
    with pytest.raises(KeyUnavailableError) as caught:
        await open_vault(changed(vault.settings, key_provider=f"file:{tmp_path / 'other.key'}"), SettableClock())
    assert "does not open this vault" in caught.value.hint


async def test_a_vault_that_does_not_open_leaves_nothing_open(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "vault.db").touch()
    with pytest.raises(StoreError):
        await open_vault(settings, SettableClock())
    assert open_databases(settings) == set()


async def test_a_closed_vault_leaves_nothing_open(vault: Vault) -> None:
    assert len(open_databases(vault.settings)) == 2
    await vault.close()
    assert open_databases(vault.settings) == set()


def test_without_a_key_provider_it_says_how_to_have_one() -> None:
    with pytest.raises(SettingsError, match="no key provider") as caught:
        key_provider(Settings())
    assert "tokenvault init" in caught.value.hint


def test_an_unknown_key_provider_is_refused() -> None:
    with pytest.raises(KeyProviderError):
        key_provider(Settings(key_provider="carrier-pigeon:"))


@pytest.mark.parametrize("url", ["", "vault.db", "mysql:///v", "sqlite://v.db", "sqlite:///"])
async def test_a_store_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        await open_engine(url, new=True, password=None, settings=Settings())


async def test_a_configured_card_range_is_served(tmp_path: Path, clock: SettableClock) -> None:
    ranges = (CardRangeSetting(prefix="411111", network="visa", issuer="OUR BANK"),)
    vault = await open_vault(settings_in(tmp_path, card_ranges=ranges), clock, initialise=True)
    card = await a_saved_card(vault, await a_merchant(vault), "4111111111111111")
    await vault.close()
    assert (card.instrument.issuer, card.instrument.card_type) == ("OUR BANK", "credit_card")


async def test_a_card_range_among_the_tokens_is_refused(tmp_path: Path, clock: SettableClock) -> None:
    ranges = (CardRangeSetting(prefix="4999991", network="visa", issuer="OUR BANK"),)
    with pytest.raises(SettingsError, match="overlaps"):
        await open_vault(settings_in(tmp_path, card_ranges=ranges), clock, initialise=True)


async def test_without_configured_ranges_only_test_cards_are_served(vault: Vault, caller: Caller) -> None:
    with pytest.raises(CardNotSupportedError):
        await a_saved_card(vault, caller, "4111111111111111")


async def test_a_rate_limit_of_an_unknown_operation_is_refused(vault: Vault) -> None:
    with pytest.raises(SettingsError, match="fetch_instrument"):
        await Api(changed(vault.settings, rate_limit_per_operation={"fetch": 1}), vault).start()


async def test_a_vault_and_its_token_service_need_two_databases(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="one database"):
        await open_vault(changed(settings, tsp_store=settings.store), SettableClock(), initialise=True)


async def test_two_token_services_need_two_databases(settings: Settings, clock: SettableClock) -> None:
    tables = TokenServiceSettings(local={"second": LocalProviderSetting(store=settings.tsp_store)})
    with pytest.raises(SettingsError, match="one database"):
        await open_vault(changed(settings, tsp=tables), clock, initialise=True)


async def test_an_api_that_opened_its_vault_closes_it(vault: Vault) -> None:
    await vault.close()
    api = Api(vault.settings, partial(open_vault, vault.settings, vault.clock))
    await api.start()
    assert len(open_databases(vault.settings)) == 2
    await api.stop()
    assert open_databases(vault.settings) == set()


async def test_an_api_leaves_an_open_vault_to_its_owner(vault: Vault) -> None:
    api = Api(vault.settings, vault)
    await api.start()
    await api.stop()
    await vault.check()


async def test_an_api_that_was_never_started_stops_quietly(settings: Settings) -> None:
    await Api(settings, partial(open_vault, settings, SettableClock())).stop()


async def test_the_parts_of_a_vault_show_no_secret(vault: Vault) -> None:
    assert (
        "master" not in repr(replace(vault, settings=changed(vault.settings, passphrase=HiddenText("master")))).lower()
    )
