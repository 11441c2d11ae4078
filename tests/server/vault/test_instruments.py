"""Save, find and delete saved cards, on a real vault with its real token service."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.builders import (
    CUSTOMER,
    FOREIGN,
    MASTERCARD,
    VISA,
    a_deleted_card,
    a_merchant,
    a_request,
    a_saved_card,
    audit_entries,
    sql,
    stored_in,
)
from tests.support.clock import NOW, SettableClock
from tests.support.databases import SQLITE_ALONE, files_of
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import CardNotSupportedError, InstrumentNotFoundError, TooManyInstrumentsError
from tokenvault_server.settings import Settings


async def test_a_saved_card_has_the_issuers_facts_and_no_card_number(vault: Vault, caller: Caller) -> None:
    instrument = (await a_saved_card(vault, caller)).instrument
    assert (instrument.last4, instrument.network, instrument.issuer) == ("2123", "visa", "HDFC BANK")
    assert (instrument.country, instrument.card_type, instrument.card_sub_type) == ("IN", "debit_card", "R")
    assert (instrument.status, instrument.created_at, instrument.tsp_id) == (InstrumentStatus.ACTIVE, NOW, "local")
    assert uuid.UUID(instrument.instrument_id).version == 7


async def test_a_saved_card_is_found_again_as_it_was_saved(vault: Vault, caller: Caller) -> None:
    saved = await a_saved_card(vault, caller)
    assert await vault.instruments.fetch(caller, CUSTOMER, saved.instrument.instrument_id) == saved


async def test_the_evidence_of_consent_is_kept_with_the_card(vault: Vault, caller: Caller) -> None:
    secrets = (await a_saved_card(vault, caller)).secrets
    assert secrets is not None
    assert (secrets.afa_reference, secrets.consent_given_at, secrets.consent_text_version) == ("740324562", NOW, "v1")


async def test_no_repr_of_a_saved_card_shows_its_secrets(vault: Vault, caller: Caller) -> None:
    assert repr((await a_saved_card(vault, caller)).secrets) == "InstrumentSecrets(****)"


async def test_neither_card_nor_token_is_in_a_file_of_the_vault(vault: Vault, caller: Caller, tmp_path: Path) -> None:
    secrets = (await a_saved_card(vault, caller)).secrets
    assert secrets is not None
    assert secrets.par is not None
    stored = stored_in(tmp_path) + await files_of(vault.settings)
    assert secrets.trid.encode() in stored  # stored in the clear, so this shows that the search works
    assert VISA.encode() not in stored
    assert secrets.network_token.reveal().encode() not in stored
    assert secrets.par.encode() not in stored


async def test_nothing_is_saved_until_the_unit_commits(vault: Vault, caller: Caller) -> None:
    await vault.instruments.save(caller, Unit(vault.engine), a_request(merchant_id=caller.merchant_id))
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == []


async def test_a_list_is_oldest_first(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    saved = []
    for pan in (VISA, MASTERCARD, VISA):
        saved.append(await a_saved_card(vault, caller, pan))
        clock.advance(seconds=1)
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == saved


async def test_an_unknown_customer_has_no_cards(vault: Vault, caller: Caller) -> None:
    assert await vault.instruments.fetch_all(caller, CustomerId("nobody")) == []


async def test_the_same_card_saved_twice_is_two_instruments_of_one_uid_and_one_token(
    vault: Vault, caller: Caller
) -> None:
    one, other = await a_saved_card(vault, caller), await a_saved_card(vault, caller)
    assert one.instrument.instrument_id != other.instrument.instrument_id
    assert one.instrument.instrument_uid == other.instrument.instrument_uid
    assert one.instrument.token_index == other.instrument.token_index
    assert one.secrets == other.secrets


async def test_two_customers_share_the_uid_of_a_card_but_no_token(vault: Vault, caller: Caller) -> None:
    one, other = await a_saved_card(vault, caller), await a_saved_card(vault, caller, customer_id="customer-2")
    assert one.instrument.instrument_uid == other.instrument.instrument_uid
    assert one.instrument.token_index != other.instrument.token_index


async def test_two_merchants_see_different_uids_of_one_card(vault: Vault, caller: Caller) -> None:
    other = await a_merchant(vault, "Another")
    uids = {(await a_saved_card(vault, each)).instrument.instrument_uid for each in (caller, other)}
    assert len(uids) == 2


async def test_another_merchant_finds_no_card(vault: Vault, caller: Caller) -> None:
    saved = await a_saved_card(vault, caller)
    stranger = await a_merchant(vault, "Another")
    assert await vault.instruments.fetch_all(stranger, CUSTOMER) == []
    with pytest.raises(InstrumentNotFoundError):
        await vault.instruments.fetch(stranger, CUSTOMER, saved.instrument.instrument_id)


async def test_another_customer_finds_no_card(vault: Vault, caller: Caller) -> None:
    saved = await a_saved_card(vault, caller)
    with pytest.raises(InstrumentNotFoundError):
        await vault.instruments.fetch(caller, CustomerId("customer-2"), saved.instrument.instrument_id)


async def test_an_unknown_card_is_not_found(vault: Vault, caller: Caller) -> None:
    with pytest.raises(InstrumentNotFoundError):
        await vault.instruments.fetch(caller, CUSTOMER, InstrumentId("0192"))


async def test_a_card_outside_every_range_is_refused_and_nothing_is_stored(vault: Vault, caller: Caller) -> None:
    with pytest.raises(CardNotSupportedError):
        await a_saved_card(vault, caller, FOREIGN)
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == []


async def test_a_deleted_card_leaves_a_tombstone_without_secrets(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    tombstone = await a_deleted_card(vault, caller, card)
    assert tombstone.secrets is None
    assert tombstone.instrument.status is InstrumentStatus.DELETED
    assert (tombstone.instrument.sealed, tombstone.instrument.afa_reference) == (None, "740324562")


async def test_a_deleted_card_is_neither_found_nor_listed(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == []
    with pytest.raises(InstrumentNotFoundError):
        await vault.instruments.fetch(caller, CUSTOMER, card.instrument.instrument_id)


@SQLITE_ALONE  # PostgreSQL overwrites no row at once: docs/how-to/use-postgresql.md
async def test_the_sealed_record_of_a_deleted_card_is_no_longer_in_any_file(
    vault: Vault, caller: Caller, tmp_path: Path
) -> None:
    card = await a_saved_card(vault, caller)
    sealed = card.instrument.sealed
    assert sealed is not None
    await a_deleted_card(vault, caller, card)
    await vault.close()  # closing moves the write-ahead log into the database
    assert sealed not in stored_in(tmp_path)


@pytest.mark.parametrize("days", [0, 29.9])
async def test_a_repeated_delete_has_the_same_answer_while_the_tombstone_is_kept(
    vault: Vault, caller: Caller, clock: SettableClock, days: float
) -> None:
    card = await a_saved_card(vault, caller)
    first = await a_deleted_card(vault, caller, card)
    clock.advance(days=days)
    assert await a_deleted_card(vault, caller, card) == first


async def test_after_thirty_days_a_deleted_card_is_unknown(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    clock.advance(days=30)
    with pytest.raises(InstrumentNotFoundError):
        await a_deleted_card(vault, caller, card)


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
async def test_the_sweep_deletes_only_old_tombstones(
    vault: Vault, caller: Caller, clock: SettableClock, days: int, left: int
) -> None:
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    clock.advance(days=days)
    kept = await a_saved_card(vault, caller)
    await vault.instruments.forget_old_tombstones()
    assert await sql(vault.engine, "SELECT COUNT(*) FROM instruments WHERE status = 'DELETED'") == [(left,)]
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == [kept]


async def test_deleting_an_unknown_card_is_not_found(vault: Vault, caller: Caller) -> None:
    with pytest.raises(InstrumentNotFoundError):
        await vault.instruments.delete(caller, Unit(vault.engine), CUSTOMER, InstrumentId("0192"))


async def test_two_concurrent_deletes_have_the_same_answer_and_are_audited_once(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    first, second = await asyncio.gather(*(a_deleted_card(vault, caller, card) for _ in range(2)))
    assert first == second
    actions = [entry["action"] for entry in await audit_entries(vault, caller.merchant_id)]
    assert actions == ["merchant.added", "instrument.enrolled", "instrument.deleted"]


async def test_the_limit_of_cards_holds_when_cards_are_saved_concurrently(
    settings: Settings, clock: SettableClock
) -> None:
    vault = await open_vault(replace(settings, instruments_per_customer=2), clock, initialise=True)
    caller = await a_merchant(vault)
    results = await asyncio.gather(*(a_saved_card(vault, caller) for _ in range(12)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, TooManyInstrumentsError)]
    assert (len(refused), len(await vault.instruments.fetch_all(caller, CUSTOMER))) == (10, 2)
    await vault.close()


async def test_deleted_cards_do_not_count_towards_the_limit(settings: Settings, clock: SettableClock) -> None:
    vault = await open_vault(replace(settings, instruments_per_customer=1), clock, initialise=True)
    caller = await a_merchant(vault)
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    await a_saved_card(vault, caller)
    await vault.close()


async def test_operators_see_a_limited_list_by_customer_without_secrets(vault: Vault, caller: Caller) -> None:
    for customer in ("b", "a", "c"):
        await a_saved_card(vault, caller, customer_id=customer)
    found = await vault.instruments.list_of_merchant(caller.merchant_id, 2)
    assert [instrument.customer_id for instrument in found] == ["a", "b"]
