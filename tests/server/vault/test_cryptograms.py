"""Cryptograms are issued only for active cards, and released only after they are counted and audited."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.builders import (
    CUSTOMER,
    a_cryptogram,
    a_deleted_card,
    a_merchant,
    a_saved_card,
    audit_entries,
    key_of,
    retag,
    sql,
)
from tests.support.clock import NOW
from tests.support.tsp import scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.identifiers import InstrumentId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    InstrumentInactiveError,
    InstrumentNotFoundError,
    SealBrokenError,
    TokenServiceUnavailableError,
)
from tokenvault_server.tsp.local.verification import Outcome, Presentation
from tokenvault_server.tsp.provider import LifecycleAction
from tokenvault_server.vault.cryptograms import IssuedCryptogram


async def suspend_in_the_vault(vault: Vault) -> None:
    await sql(vault.engine, "UPDATE instruments SET status = 'INACTIVE'")
    await retag(vault)


async def released(vault: Vault) -> list[tuple[int, int | None]]:
    rows = await sql(vault.engine, "SELECT cryptogram_count, cryptogram_at FROM instruments")
    return [(row[0], row[1]) for row in rows]


def presentation(issued: IssuedCryptogram, merchant_id: str) -> Presentation:
    cryptogram = issued.cryptogram
    return Presentation(cryptogram.token_pan, cryptogram.value, merchant_id, cryptogram.token_expiry, cryptogram.trid)


async def test_a_cryptogram_verifies_once_at_its_provider(vault: Vault, caller: Caller) -> None:
    issued = await a_cryptogram(vault, caller, await a_saved_card(vault, caller))
    outcomes = [await vault.token_service.verify(presentation(issued, caller.merchant_id)) for _ in range(2)]
    assert outcomes == [Outcome.VERIFIED, Outcome.REPLAYED]


async def test_every_call_returns_a_new_cryptogram_and_counts_it(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    issued = [await a_cryptogram(vault, caller, card) for _ in range(3)]
    assert len({each.cryptogram.value.reveal() for each in issued}) == 3
    assert [each.cryptogram.atc for each in issued] == [1, 2, 3]
    assert await released(vault) == [(3, NOW)]


async def test_concurrent_calls_never_share_a_counter_value(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    issued = await asyncio.gather(*(a_cryptogram(vault, caller, card) for _ in range(10)))
    assert {each.cryptogram.atc for each in issued} == set(range(1, 11))


async def test_its_audit_entry_has_the_counter_and_not_the_cryptogram(vault: Vault, caller: Caller) -> None:
    issued = await a_cryptogram(vault, caller, await a_saved_card(vault, caller))
    entry = (await audit_entries(vault, caller.merchant_id))[-1]
    assert entry["action"] == "cryptogram.issued"
    assert entry["details"] == {"atc": 1, "key_index": issued.cryptogram.key_index, "counter": 1}
    assert (entry["instrument_id"], entry["actor"]) == (issued.instrument.instrument_id, caller.actor)
    assert issued.cryptogram.value.reveal() not in str(entry)


async def test_an_inactive_card_gets_none(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await suspend_in_the_vault(vault)
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)


async def test_a_card_whose_token_is_suspended_at_its_provider_gets_none(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.lifecycle(key_of(card), LifecycleAction.SUSPEND, "requested")
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)
    assert await released(vault) == [(0, None)]


async def test_a_deleted_card_gets_none(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    with pytest.raises(InstrumentNotFoundError):
        await a_cryptogram(vault, caller, card)


async def test_an_unknown_card_gets_none(vault: Vault, caller: Caller) -> None:
    with pytest.raises(InstrumentNotFoundError):
        await vault.cryptograms.issue(caller, Unit(vault.engine), CUSTOMER, InstrumentId("0192"))


async def test_another_merchants_card_gets_none(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    stranger = await a_merchant(vault, "Another")
    with pytest.raises(InstrumentNotFoundError):
        await a_cryptogram(vault, stranger, card)


async def test_a_card_deleted_while_its_provider_answers_releases_none(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    card = await a_saved_card(vault, caller)
    script.meanwhile = lambda: a_deleted_card(vault, caller, card)
    with pytest.raises(InstrumentNotFoundError):
        await a_cryptogram(vault, caller, card)
    assert await released(vault) == [(0, None)]


async def test_a_card_swept_while_its_provider_answers_releases_none(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    card = await a_saved_card(vault, caller)
    script.meanwhile = lambda: sql(vault.engine, "DELETE FROM instruments")
    with pytest.raises(InstrumentNotFoundError):
        await a_cryptogram(vault, caller, card)


async def test_a_card_suspended_while_its_provider_answers_releases_none(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    card = await a_saved_card(vault, caller)
    script.meanwhile = lambda: suspend_in_the_vault(vault)
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)
    assert [entry["action"] for entry in await audit_entries(vault, caller.merchant_id)][-1] == "instrument.enrolled"


async def test_a_provider_that_fails_is_reported_as_unavailable_and_nothing_is_counted(
    vault: Vault, caller: Caller
) -> None:
    vault, script = scripted(vault)
    card = await a_saved_card(vault, caller)
    script.failures["cryptogram"] = OSError("unreachable")
    with pytest.raises(TokenServiceUnavailableError):
        await a_cryptogram(vault, caller, card)
    assert await released(vault) == [(0, None)]


async def test_a_record_moved_to_another_card_gets_no_cryptogram(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    other = await a_saved_card(vault, caller, customer_id="customer-2")
    await sql(
        vault.engine,
        "UPDATE instruments SET sealed = :sealed WHERE customer_id = 'customer-2'",
        sealed=card.instrument.sealed,
    )
    with pytest.raises(SealBrokenError):
        await a_cryptogram(vault, caller, other)
