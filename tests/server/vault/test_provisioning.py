"""Saved cards and their tokens at the provider: shared tokens, deleted tokens, and failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import (
    CUSTOMER,
    a_caller,
    a_deleted_card,
    a_merchant,
    a_saved_card,
    audit_entries,
    key_of,
    settings_in,
    sql,
)
from tests.support.clock import SettableClock
from tests.support.tsp import scripted
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import TokenServiceUnavailableError, TooManyInstrumentsError, VaultError
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.vault.instruments import SavedCard


def reference_of(card: SavedCard) -> str:
    assert card.secrets is not None
    return card.secrets.token_reference


async def outbox_count(vault: Vault) -> int:
    return int((await sql(vault.engine, "SELECT COUNT(*) FROM outbox"))[0][0])


@pytest.mark.parametrize(
    "failure",
    [TokenServiceUnavailableError(), TimeoutError(), ConnectionResetError(), ValueError("4706131211212123")],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_provider_that_fails_leaves_no_partial_rows(vault: Vault, caller: Caller, failure: Exception) -> None:
    vault, script = scripted(vault)
    script.failures["provision"] = failure
    with pytest.raises(TokenServiceUnavailableError) as caught:
        await a_saved_card(vault, caller)
    assert "4706131211212123" not in caught.value.hint
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == []
    assert await sql(vault.engine, "SELECT COUNT(*) FROM tokens") == [(0,)]
    assert [entry["action"] for entry in await audit_entries(vault, caller.merchant_id)] == ["merchant.added"]


async def test_a_token_is_kept_while_any_of_its_cards_is_saved(vault: Vault, caller: Caller) -> None:
    one, other = await a_saved_card(vault, caller), await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, one)
    assert await outbox_count(vault) == 0
    assert (await vault.token_service.get(key_of(other))).status is TokenStatus.ACTIVE


async def test_with_its_last_card_a_token_is_deleted(vault: Vault, caller: Caller) -> None:
    cards = [await a_saved_card(vault, caller) for _ in range(2)]
    for card in cards:
        await a_deleted_card(vault, caller, card)
    assert await vault.outbox_tasks.run_due() == 1
    assert (await vault.token_service.get(key_of(cards[0]))).status is TokenStatus.DELETED
    assert await sql(vault.engine, "SELECT state FROM tokens") == [("retired",)]


async def test_deleting_does_not_wait_for_the_provider(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    card = await a_saved_card(vault, caller)
    script.asked.clear()
    await a_deleted_card(vault, caller, card)
    assert script.asked == []


@pytest.mark.parametrize("is_delivered", [False, True])
async def test_a_card_saved_again_after_its_last_deletion_gets_a_new_token(
    vault: Vault, caller: Caller, *, is_delivered: bool
) -> None:
    old = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, old)
    if is_delivered:
        await vault.outbox_tasks.run_due()
    new = await a_saved_card(vault, caller)
    assert reference_of(new) != reference_of(old)
    assert new.instrument.instrument_uid == old.instrument.instrument_uid


async def test_the_deletion_of_an_old_token_does_not_delete_the_new_one(vault: Vault, caller: Caller) -> None:
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    new = await a_saved_card(vault, caller)
    await vault.outbox_tasks.run_due()
    assert (await vault.token_service.get(key_of(new))).status is TokenStatus.ACTIVE


async def test_a_token_that_is_retired_while_it_is_being_saved_is_not_used(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    first = await a_saved_card(vault, caller)
    script.meanwhile = lambda: a_deleted_card(vault, caller, first)
    saved = await a_saved_card(vault, caller)
    assert reference_of(saved) != reference_of(first)
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == [saved]


async def test_a_provider_that_keeps_granting_a_deleted_token_is_unavailable(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    script.failures["lifecycle"] = TokenServiceUnavailableError()
    with pytest.raises(TokenServiceUnavailableError):
        await a_saved_card(vault, caller)


async def test_a_card_beyond_the_limit_leaves_no_token_at_the_provider(tmp_path: Path, clock: SettableClock) -> None:
    vault = await open_vault(settings_in(tmp_path, instruments_per_customer=0), clock, initialise=True)
    caller = await a_merchant(vault)
    try:
        with pytest.raises(TooManyInstrumentsError):
            await a_saved_card(vault, caller)
        await vault.outbox_tasks.run_due()
        assert await sql(vault.tsp_engine, "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == [(0,)]
    finally:
        await vault.close()


async def test_an_unknown_merchant_cannot_save_cards(vault: Vault) -> None:
    with pytest.raises(VaultError) as caught:
        await a_saved_card(vault, a_caller("mer_nobody"))
    assert "tokenvault merchant add" in caught.value.hint
