"""A provider's events change saved cards, the audit trail and webhooks in one transaction."""

from __future__ import annotations

import pytest

from tests.support.builders import a_cryptogram, a_deleted_card, a_saved_card, audit_entries, details_of, key_of, sql
from tests.support.clock import SettableClock
from tests.support.second_tsp import SecondTsp
from tests.support.token_events import (
    ACTIVE,
    INACTIVE,
    URL,
    actions,
    bodies,
    pull,
    reloaded,
    status_of,
    webhook_events_of,
)
from tests.support.tsp import behind, scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    InstrumentInactiveError,
    InstrumentNotFoundError,
    StoreError,
    UnknownProviderError,
)
from tokenvault_server.tsp.events import InboxEvent, TokenEvent, TokenStatus


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
    assert [event for event, _ in await webhook_events_of(vault, caller)] == [
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
    assert details_of(entry) == {
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


async def test_every_saved_card_of_the_token_changes(vault: Vault, caller: Caller) -> None:
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
            await reloaded(vault, caller, card)
        tombstone = await a_deleted_card(vault, caller, card)
        assert (tombstone.instrument.afa_reference, tombstone.instrument.sealed) == ("740324562", None)
    assert await sql(vault.engine, "SELECT state, instrument_count FROM tokens") == [("retired", 0)]
    assert await sql(vault.engine, "SELECT COUNT(*) FROM outbox") == [(0,)]
    assert [event for event, _ in await webhook_events_of(vault, caller)][2:] == ["INSTRUMENT_DELETED_WEBHOOK"] * 2
    assert (await actions(vault, caller))[-2:] == ["instrument.deleted"] * 2
    assert (await a_saved_card(vault, caller)).secrets is not None  # a new token


async def test_a_new_number_is_sealed_and_has_no_webhook_event(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.rotate(key_of(card).reference)
    await pull(vault)
    after = await reloaded(vault, caller, card)
    assert card.secrets is not None
    assert after.secrets is not None
    assert after.secrets.network_token != card.secrets.network_token
    assert after.secrets == card.secrets.with_token(
        after.secrets.network_token, card.secrets.token_expiry_month, card.secrets.token_expiry_year
    )
    assert after.instrument.row_version == card.instrument.row_version + 1
    assert [event for event, _ in await webhook_events_of(vault, caller)] == ["INSTRUMENT_ACTIVE_WEBHOOK"]
    entry = (await audit_entries(vault, caller.merchant_id))[-1]
    assert (entry["action"], entry["details"]["changed"]) == ("instrument.updated", "token")
    await a_cryptogram(vault, caller, card)


async def test_a_later_expiry_is_sealed(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.extend(key_of(card).reference, Expiry(2035, 12))
    await pull(vault)
    secrets = (await reloaded(vault, caller, card)).secrets
    assert secrets is not None
    assert (secrets.token_expiry_month, secrets.token_expiry_year) == (12, 2035)


async def test_a_replaced_card_shows_its_new_digits_and_merchants_receive_an_event(
    vault: Vault, caller: Caller
) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.replace_card(key_of(card).reference, Pan("4444333322221111"), Expiry(2033, 1))
    await pull(vault)
    after = await reloaded(vault, caller, card)
    assert (after.instrument.last4, after.instrument.status) == ("1111", ACTIVE)
    assert (await webhook_events_of(vault, caller))[-1] == ("INSTRUMENT_UPDATED_WEBHOOK", "1111")
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
    assert (card.instrument.status, await webhook_events_of(vault, caller)) == (INACTIVE, [])
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)
    provider.activate()
    await pull(vault)
    assert (await reloaded(vault, caller, card)).instrument.status is ACTIVE
    assert await webhook_events_of(vault, caller) == [("INSTRUMENT_ACTIVE_WEBHOOK", "2123")]
    assert (await actions(vault, caller))[-1] == "instrument.activated"
    issued = await a_cryptogram(vault, caller, card)
    assert (issued.cryptogram.atc, issued.cryptogram.key_index, issued.cryptogram.eci) == (None, None, None)
    assert (await audit_entries(vault, caller.merchant_id))[-1]["details"] == {}


async def test_facts_that_a_provider_does_not_return_stay_empty(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, _ = second
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    assert (card.instrument.instrument_uid, card.instrument.country, card.instrument.tsp_id) == ("", "", "second")
    stored = await reloaded(vault, caller, card)
    assert stored.secrets is not None
    assert stored.secrets.par is None


async def test_every_call_goes_to_the_provider_that_created_the_token(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    first = await a_saved_card(vault, caller)
    both = behind(vault, vault.engine, provider := SecondTsp(clock), vault.token_service)
    later = await a_saved_card(both, caller)
    provider.activate()
    await pull(both)
    assert (first.instrument.tsp_id, later.instrument.tsp_id) == ("local", "second")
    for card in (first, later):
        await a_cryptogram(both, caller, card)
        await a_deleted_card(both, caller, card)
    assert await both.outbox_tasks.run_due() == 2
    assert [token.status for token in provider.tokens.values()] == [TokenStatus.DELETED]
    assert (await vault.token_service.get(key_of(first))).status is TokenStatus.DELETED


async def test_tasks_of_a_provider_that_is_not_configured_wait_for_it(
    second: tuple[Vault, SecondTsp], vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    both, provider = second
    card = await a_saved_card(both, caller)
    provider.activate()
    await pull(both)
    with pytest.raises(UnknownProviderError) as refused:
        await a_cryptogram(vault, caller, card)
    assert "[tsp.second]" in refused.value.hint
    await a_deleted_card(vault, caller, card)
    assert await vault.outbox_tasks.run_due() == 0, "the token is not deleted at another provider"
    clock.advance(seconds=2)
    assert await both.outbox_tasks.run_due() == 1


async def test_a_deletion_that_an_earlier_version_queued_goes_to_the_built_in_provider(
    vault: Vault, caller: Caller
) -> None:
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    ((outbox_id,),) = await sql(vault.engine, "SELECT outbox_id FROM outbox")
    bare = await vault.sealer.seal_text(caller.merchant_id, "outbox", outbox_id, key_of(card).reference)
    await sql(vault.engine, "UPDATE outbox SET sealed = :bare", bare=bare)
    assert await vault.outbox_tasks.run_due() == 1
    assert (await vault.token_service.get(key_of(card))).status is TokenStatus.DELETED


async def test_an_unknown_merchants_event_is_no_error(vault: Vault, clock: SettableClock) -> None:
    event = TokenEvent(MerchantId("mer_nobody"), "tok_1", clock.now(), TokenStatus.ACTIVE)
    assert not await vault.token_events.apply("local", event)


def test_the_repr_of_an_event_shows_no_reference() -> None:
    event = TokenEvent(MerchantId("mer_1"), "tok_secret", 1, reason="r")
    assert "tok_secret" not in repr(InboxEvent("1", event))


async def test_an_inbox_that_does_not_answer_is_reported_as_unavailable(vault: Vault) -> None:
    failing, script = scripted(vault)
    script.failures["events"] = StoreError("away")
    with pytest.raises(Exception, match="unavailable"):
        await pull(failing)
