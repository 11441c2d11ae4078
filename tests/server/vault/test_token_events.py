"""What a provider reports reaches saved cards, audit trail and webhooks in one transaction, in any order."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from tests.support.builders import (
    a_cryptogram,
    a_deleted_card,
    a_request,
    a_saved_card,
    audit_entries,
    key_of,
    sql,
)
from tests.support.clock import SettableClock
from tests.support.engines import Noted
from tests.support.second_tsp import SecondTsp
from tests.support.token_events import actions, bodies, now_of, pull, status_of, told
from tests.support.tsp import behind, scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    InstrumentInactiveError,
    InstrumentNotFoundError,
    StaleReadError,
    StoreError,
)
from tokenvault_server.tsp.events import InboxEvent, TokenEvent, TokenStatus
from tokenvault_server.vault.token_events import UNKNOWN_KEPT, TokenEvents

URL = "http://127.0.0.1:9/hook"
ACTIVE, INACTIVE, DELETED = InstrumentStatus


async def test_a_card_that_its_issuer_suspends_is_inactive_until_it_resumes(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    assert (await pull(vault), await status_of(vault)) == (1, ["INACTIVE"])
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)
    await vault.token_service.issuer.resume(key_of(card).reference)
    assert (await pull(vault), await status_of(vault)) == (1, ["ACTIVE"])
    await a_cryptogram(vault, caller, card)
    assert await pull(vault) == 0
    assert [event for event, _ in await told(vault, caller)] == [
        "INSTRUMENT_ACTIVE_WEBHOOK",
        "INSTRUMENT_INACTIVE_WEBHOOK",
        "INSTRUMENT_ACTIVE_WEBHOOK",
    ]


async def test_its_audit_entry_names_the_provider_the_reason_and_who_suspended(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference, "card reported lost")
    await pull(vault)
    entry = (await audit_entries(vault, caller.merchant_id))[-1]
    assert (entry["action"], entry["actor"]) == ("instrument.suspended", "tsp:local")
    assert entry["details"] == {
        "token_status": "SUSPENDED",
        "suspended_by": "issuer",
        "reason": "card reported lost",
    }


async def test_a_webhook_event_about_an_inactive_card_has_the_published_shape(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    await pull(vault)
    active, inactive = await bodies(vault, caller.merchant_id)
    assert inactive["type"] == "INSTRUMENT_INACTIVE_WEBHOOK"
    assert inactive["data"]["instrument"] == active["data"]["instrument"] | {"instrument_status": "INACTIVE"}


async def test_every_saved_card_of_the_token_follows(vault: Vault, caller: Caller) -> None:
    cards = [await a_saved_card(vault, caller) for _ in range(3)]
    other = await a_saved_card(vault, caller, customer_id="customer-2")
    await vault.token_service.issuer.suspend(key_of(cards[0]).reference)
    await pull(vault)
    assert sorted(await status_of(vault)) == ["ACTIVE", "INACTIVE", "INACTIVE", "INACTIVE"]
    await a_cryptogram(vault, caller, other)


async def test_a_token_ended_by_its_issuer_leaves_tombstones(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    cards = [await a_saved_card(vault, caller) for _ in range(2)]
    await vault.token_service.issuer.deactivate(key_of(cards[0]).reference)
    assert (await pull(vault), await status_of(vault)) == (1, ["DELETED", "DELETED"])
    for card in cards:
        with pytest.raises(InstrumentNotFoundError):
            await now_of(vault, caller, card)
        gone = await a_deleted_card(vault, caller, card)
        assert (gone.instrument.afa_reference, gone.instrument.sealed) == ("740324562", None)
    assert await sql(vault.engine, "SELECT state, instrument_count FROM tokens") == [("retired", 0)]
    assert await sql(vault.engine, "SELECT COUNT(*) FROM outbox") == [(0,)]
    assert [event for event, _ in await told(vault, caller)][2:] == ["INSTRUMENT_DELETED_WEBHOOK"] * 2
    assert (await actions(vault, caller))[-2:] == ["instrument.deleted"] * 2
    assert (await a_saved_card(vault, caller)).secrets is not None  # a new token


async def test_a_new_number_is_sealed_and_nobody_is_told(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.rotate(key_of(card).reference)
    await pull(vault)
    after = await now_of(vault, caller, card)
    assert card.secrets is not None
    assert after.secrets is not None
    assert after.secrets.token_pan != card.secrets.token_pan
    assert after.secrets == card.secrets.with_token(
        after.secrets.token_pan, card.secrets.token_expiry_month, card.secrets.token_expiry_year
    )
    assert after.instrument.row_version == card.instrument.row_version + 1
    assert [event for event, _ in await told(vault, caller)] == ["INSTRUMENT_ACTIVE_WEBHOOK"]
    entry = (await audit_entries(vault, caller.merchant_id))[-1]
    assert (entry["action"], entry["details"]["changed"]) == ("instrument.updated", "token")
    await a_cryptogram(vault, caller, card)


async def test_a_later_expiry_is_sealed(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.extend(key_of(card).reference, Expiry(2035, 12))
    await pull(vault)
    secrets = (await now_of(vault, caller, card)).secrets
    assert secrets is not None
    assert (secrets.token_expiry_month, secrets.token_expiry_year) == (12, 2035)


async def test_a_replaced_card_shows_its_new_digits_and_merchants_are_told(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.replace_card(key_of(card).reference, Pan("4444333322221111"), Expiry(2033, 1))
    await pull(vault)
    after = await now_of(vault, caller, card)
    assert (after.instrument.last4, after.instrument.status) == ("1111", ACTIVE)
    assert (await told(vault, caller))[-1] == ("INSTRUMENT_UPDATED_WEBHOOK", "1111")
    issued = await a_cryptogram(vault, caller, card)
    assert issued.instrument.last4 == "1111"


async def test_without_endpoints_no_event_is_stored(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    await pull(vault)
    assert await sql(vault.engine, "SELECT COUNT(*) FROM webhook_events") == [(0,)]


async def test_a_token_that_is_not_active_yet_makes_an_inactive_card_that_an_event_activates(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, provider = second
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    assert (card.instrument.status, await told(vault, caller)) == (INACTIVE, [])
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)
    provider.activate()
    await pull(vault)
    assert (await now_of(vault, caller, card)).instrument.status is ACTIVE
    assert await told(vault, caller) == [("INSTRUMENT_ACTIVE_WEBHOOK", "2123")]
    assert (await actions(vault, caller))[-1] == "instrument.activated"
    issued = await a_cryptogram(vault, caller, card)
    assert (issued.cryptogram.atc, issued.cryptogram.key_index, issued.cryptogram.eci) == (None, None, None)
    assert (await audit_entries(vault, caller.merchant_id))[-1]["details"] == {}


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
    after = (await now_of(vault, caller, card)).instrument
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


async def test_an_event_of_a_token_that_nobody_saved_is_dropped_in_the_end(
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
    secrets = (await now_of(vault, caller, card)).secrets
    assert secrets is not None
    assert secrets.token_pan == numbers[-1]


async def test_a_failure_after_applying_has_the_event_applied_again_without_harm(vault: Vault, caller: Caller) -> None:
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


async def test_an_event_is_applied_whole_or_not_at_all(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    await sql(vault.engine, "ALTER TABLE audit_entries RENAME TO away")
    assert await pull(vault) == 0
    await sql(vault.engine, "ALTER TABLE away RENAME TO audit_entries")
    assert await status_of(vault) == ["ACTIVE"]
    assert (await pull(vault), await status_of(vault)) == (1, ["INACTIVE"])


async def test_an_event_holds_the_token_before_its_cards_and_the_chain_before_endpoints(
    vault: Vault, caller: Caller
) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    engine = Noted(vault.engine)
    events = TokenEvents(engine, vault.sealer, vault.audit, vault.webhook_events, vault.clock)
    key = key_of(card)
    await events.apply("local", TokenEvent(key.merchant_id, key.reference, 2**60, TokenStatus.DELETED))
    order = ["hold_token", "tombstone_instrument", "next_sequence", "queue", "forget_events_of"]
    assert [name for name in engine.names if name in order] == order


async def test_deleting_a_card_holds_its_token_first(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    engine = Noted(vault.engine)
    await a_deleted_card(behind(vault, engine, vault.token_service), caller, card)
    assert engine.names.index("hold_token") < engine.names.index("tombstone_instrument")


async def test_an_unknown_merchants_event_is_no_error(vault: Vault, clock: SettableClock) -> None:
    event = TokenEvent(MerchantId("mer_nobody"), "tok_1", clock.now(), TokenStatus.ACTIVE)
    assert not await vault.token_events.apply("local", event)


def test_an_event_shows_no_number() -> None:
    event = TokenEvent(MerchantId("mer_1"), "tok_secret", 1, reason="r")
    assert "tok_secret" not in repr(InboxEvent("1", event))


async def test_an_inbox_that_is_away_is_tried_again(vault: Vault) -> None:
    failing, script = scripted(vault)
    script.failures["events"] = StoreError("away")
    with pytest.raises(Exception, match="unavailable"):
        await pull(failing)
