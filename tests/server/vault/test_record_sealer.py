"""The record sealer binds each record to its location, and each text to its merchant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import a_deleted_card, a_merchant, a_saved_card
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import SealBrokenError

MOVES = [
    {"customer_id": CustomerId("customer-2")},
    {"instrument_id": InstrumentId("another")},
    {"row_version": 2},
]


@pytest.mark.parametrize("move", MOVES, ids=lambda move: next(iter(move)))
async def test_a_record_opens_in_its_own_location_only(vault: Vault, caller: Caller, move: dict[str, Any]) -> None:
    card = await a_saved_card(vault, caller)
    assert await vault.sealer.open_instrument(card.instrument) == card.secrets
    with pytest.raises(SealBrokenError):
        await vault.sealer.open_instrument(card.instrument._replace(**move))


async def test_a_record_does_not_open_for_another_merchant(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    other = await a_merchant(vault, "Another")
    with pytest.raises(SealBrokenError):
        await vault.sealer.open_instrument(card.instrument._replace(merchant_id=other.merchant_id))


async def test_a_tombstone_has_nothing_to_open(vault: Vault, caller: Caller) -> None:
    tombstone = await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    with pytest.raises(SealBrokenError):
        await vault.sealer.open_instrument(tombstone.instrument)


async def test_a_text_opens_in_its_own_location(vault: Vault, caller: Caller) -> None:
    sealed = await vault.sealer.seal_text(caller.merchant_id, "outbox", "out_1", "ग्राहक")
    assert await vault.sealer.open_text(caller.merchant_id, "outbox", "out_1", sealed) == "ग्राहक"


@pytest.mark.parametrize(("record_type", "record_id"), [("outbox", "out_2"), ("webhook", "out_1")])
async def test_a_text_does_not_open_elsewhere(vault: Vault, caller: Caller, record_type: str, record_id: str) -> None:
    sealed = await vault.sealer.seal_text(caller.merchant_id, "outbox", "out_1", "text")
    with pytest.raises(SealBrokenError):
        await vault.sealer.open_text(caller.merchant_id, record_type, record_id, sealed)


async def test_sealing_the_same_text_twice_has_different_results(vault: Vault, caller: Caller) -> None:
    sealed = {await vault.sealer.seal_text(caller.merchant_id, "outbox", "out_1", "text") for _ in range(5)}
    assert len(sealed) == 5


async def test_a_token_index_is_different_for_each_merchant(vault: Vault, caller: Caller) -> None:
    other = await a_merchant(vault, "Another")
    indexes = {await vault.sealer.token_index(each.merchant_id, "local", "tok_1") for each in (caller, other)}
    assert len(indexes) == 2


async def test_the_same_reference_of_two_providers_has_two_indexes(vault: Vault, caller: Caller) -> None:
    indexes = {await vault.sealer.token_index(caller.merchant_id, name, "tok_1") for name in ("local", "acme")}
    assert len(indexes) == 2
