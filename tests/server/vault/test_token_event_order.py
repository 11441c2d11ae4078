"""Token events in any order, from an inbox that may fail, are applied once and in the common lock order."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from tests.support.builders import (
    a_deleted_card,
    a_request,
    a_saved_card,
    key_of,
    sql,
)
from tests.support.clock import SettableClock
from tests.support.engines import Recording
from tests.support.second_tsp import SecondTsp
from tests.support.token_events import (
    INACTIVE,
    URL,
    actions,
    bodies,
    pull,
    reloaded,
    status_of,
)
from tests.support.tsp import behind, scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    StaleReadError,
)
from tokenvault_server.tsp.events import TokenEvent, TokenStatus
from tokenvault_server.vault.token_events import UNKNOWN_KEPT, TokenEvents


async def test_an_older_event_changes_nothing(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    key, at = key_of(card), (await vault.token_service.get(key_of(card))).at
    newer = TokenEvent(key.merchant_id, key.reference, at + 5, TokenStatus.SUSPENDED)
    for event in (newer, replace(newer, at=at + 4, status=TokenStatus.ACTIVE), newer):
        assert await vault.token_events.apply("local", event)
    assert await status_of(vault) == ["INACTIVE"]
    assert (await actions(vault, caller)).count("instrument.suspended") == 1


async def test_an_event_of_another_kind_is_not_outdated_by_a_newer_one(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    key, at = key_of(card), (await vault.token_service.get(key_of(card))).at
    await vault.token_events.apply("local", TokenEvent(key.merchant_id, key.reference, at + 5, TokenStatus.SUSPENDED))
    await vault.token_events.apply("local", TokenEvent(key.merchant_id, key.reference, at + 4, last4="0004"))
    after = (await reloaded(vault, caller, card)).instrument
    assert (after.status, after.last4) == (INACTIVE, "0004")


async def test_an_event_about_a_card_that_is_being_saved_waits_for_it(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, provider = second
    unit = Unit(vault.engine)
    await vault.instruments.save(caller, unit, a_request(merchant_id=caller.merchant_id))
    provider.activate()
    assert (await pull(vault), len(provider.inbox)) == (0, 1)
    await unit.commit()
    assert (await pull(vault), await status_of(vault)) == (1, ["ACTIVE"])


async def test_an_event_of_a_token_without_a_saved_card_is_finally_dropped(
    second: tuple[Vault, SecondTsp], caller: Caller, clock: SettableClock
) -> None:
    vault, provider = second
    unit = Unit(vault.engine)
    await vault.instruments.save(caller, unit, a_request(merchant_id=caller.merchant_id))
    provider.activate()
    clock.at = next(iter(provider.tokens.values())).at + UNKNOWN_KEPT
    assert await pull(vault) == 0
    clock.at += 1
    assert (await pull(vault), provider.inbox) == (1, {})


async def test_a_card_saved_while_its_provider_changes_the_token_is_saved_anew(vault: Vault, caller: Caller) -> None:
    first = await a_saved_card(vault, caller)
    reference = key_of(first).reference
    unit = Unit(vault.engine)
    await vault.instruments.save(caller, unit, a_request(merchant_id=caller.merchant_id))
    await vault.token_service.issuer.suspend(reference)
    await pull(vault)
    with pytest.raises(StaleReadError):
        await unit.commit()
    again = await a_saved_card(vault, caller)
    assert (again.instrument.status, await status_of(vault)) == (INACTIVE, ["INACTIVE", "INACTIVE"])


async def test_an_event_that_cannot_be_true_is_logged_and_dropped(
    second: tuple[Vault, SecondTsp], caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    vault, provider = second
    await a_saved_card(vault, caller)
    provider.activate()
    provider.replace_card("1", "12345")
    with caplog.at_level(logging.ERROR):
        assert (await pull(vault), provider.inbox) == (2, {})
    assert [record.message for record in caplog.records] == ["token event dropped"]
    assert await status_of(vault) == ["ACTIVE"]


async def test_an_event_whose_card_does_not_open_blocks_no_other(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, provider = second
    for customer_id in ("customer-1", "customer-2"):
        await a_saved_card(vault, caller, customer_id=customer_id)
    await sql(vault.engine, "UPDATE instruments SET sealed = :junk WHERE customer_id = 'customer-1'", junk=bytes(120))
    provider.activate()
    assert (await pull(vault), len(provider.inbox)) == (1, 1)
    assert sorted(await status_of(vault)) == ["ACTIVE", "INACTIVE"]


async def test_an_inbox_of_many_pages_is_read_to_its_end(second: tuple[Vault, SecondTsp], caller: Caller) -> None:
    vault, provider = second
    card = await a_saved_card(vault, caller)
    provider.activate()
    numbers = [provider.rotate("1").reveal() for _ in range(250)]
    assert (await pull(vault), provider.inbox) == (251, {})
    secrets = (await reloaded(vault, caller, card)).secrets
    assert secrets is not None
    assert secrets.network_token.reveal() == numbers[-1]


async def test_an_event_that_is_applied_again_after_a_failure_changes_nothing(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    failing, script = scripted(vault)
    script.failures["acknowledge"] = OSError()
    with pytest.raises(Exception, match="unavailable"):
        await pull(failing)
    assert await pull(vault) == 1
    assert (await actions(vault, caller)).count("instrument.suspended") == 1
    assert len(await bodies(vault, caller.merchant_id)) == 2


async def test_an_event_is_applied_completely_or_not_at_all(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    await sql(vault.engine, "ALTER TABLE audit_entries RENAME TO away")
    assert await pull(vault) == 0
    await sql(vault.engine, "ALTER TABLE away RENAME TO audit_entries")
    assert await status_of(vault) == ["ACTIVE"]
    assert (await pull(vault), await status_of(vault)) == (1, ["INACTIVE"])


async def test_an_event_locks_the_token_before_its_cards_and_the_chain_before_endpoints(
    vault: Vault, caller: Caller
) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    engine = Recording(vault.engine)
    events = TokenEvents(engine, vault.sealer, vault.row_tags, vault.audit, vault.webhook_events, vault.clock)
    key = key_of(card)
    await events.apply("local", TokenEvent(key.merchant_id, key.reference, 2**60, TokenStatus.DELETED))
    order = ["lock_token", "tombstone_instrument", "next_sequence", "insert_delivery", "forget_events_of"]
    assert [name for name in engine.names if name in order] == order


async def test_deleting_a_card_locks_its_token_first(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    engine = Recording(vault.engine)
    await a_deleted_card(behind(vault, engine, vault.token_service), caller, card)
    assert engine.names.index("lock_token") < engine.names.index("tombstone_instrument")
