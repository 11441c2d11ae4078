"""A further engine takes one module and one entry among the kinds: here the standard library's SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import CUSTOMER, a_cryptogram, a_saved_card
from tests.support.databases import KINDS, STANDARD_LIBRARY
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database import opening
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import SettingsError


@pytest.fixture
def store_kind() -> str:
    return STANDARD_LIBRARY


async def test_a_vault_on_a_third_engine_saves_a_card_and_issues_a_cryptogram(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await a_cryptogram(vault, caller, card)
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == [card]
    assert (await vault.verify_audit()).intact


async def test_a_vault_on_a_third_engine_opens_again(vault: Vault) -> None:
    await vault.close()
    again = await open_vault(vault.settings, vault.clock, kinds=KINDS)
    assert again.vault_id == vault.vault_id
    await again.close()


async def test_a_vault_in_one_process_leases_no_rate_limits(vault: Vault) -> None:
    assert not vault.supports_many_processes
    assert vault.rate_leases is None


async def test_the_product_itself_knows_no_third_engine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        await opening.open_engine(f"sqlite3:///{tmp_path / 'vault.db'}", new=True)
