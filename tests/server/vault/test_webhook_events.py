"""Events are written in the transaction of the change, with bodies in the published format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.builders import FOREIGN, a_deleted_card, a_merchant, a_request, a_saved_card, sql
from tests.support.clock import NOW, SettableClock
from tests.support.tsp import behind, scripted
from tokenvault_client import webhooks as client
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import CardNotSupportedError, TokenServiceUnavailableError
from tokenvault_server.tsp.routing import NO_PROVIDER, everything_to

URL = "http://127.0.0.1:9/hook"


async def bodies(vault: Vault, merchant_id: MerchantId) -> list[dict[str, Any]]:
    rows = await sql(vault.engine, "SELECT event_id FROM webhook_events ORDER BY event_id")
    return [json.loads(await vault.webhooks.body_of(merchant_id, row[0])) for row in rows]


async def row_count(vault: Vault, table: str) -> int:
    ((count,),) = await sql(vault.engine, f"SELECT COUNT(*) FROM {table}")
    return int(count)


async def test_the_event_of_a_saved_card_has_the_published_body(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    assert card.secrets
    (body,) = await bodies(vault, caller.merchant_id)
    assert body == {
        "data": {
            "instrument": {
                "instrument_id": card.instrument.instrument_id,
                "customer_id": "customer-1",
                "afa_reference": "740324562",
                "instrument_type": "card",
                "instrument_uid": card.instrument.instrument_uid,
                "instrument_display": "XXXXXXXXXXXX2123",
                "instrument_status": "ACTIVE",
                "added_at": "2026-11-22T14:15:30+05:30",
                "instrument_meta": {
                    "card_network": "visa",
                    "card_bank_name": card.instrument.issuer,
                    "card_country": card.instrument.country,
                    "card_type": "debit",
                    "sub_type": "R",
                    "card_par": card.secrets.par,
                    "card_token_details": None,
                },
            }
        },
        "event_time": "2026-11-22T14:15:30+05:30",
        "type": "INSTRUMENT_ACTIVE_WEBHOOK",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [(TokenServiceUnavailableError(), "NETWORK_ERROR"), (CardNotSupportedError(), "CARD_NOT_SUPPORTED")],
    ids=["unavailable", "not supported"],
)
async def test_the_event_of_a_card_that_could_not_be_saved_has_the_reason(
    vault: Vault, caller: Caller, error: Exception, code: str
) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    vault, script = scripted(vault)
    script.failures["provision"] = error
    with pytest.raises(type(error)):
        await a_saved_card(vault, caller)
    (body,) = await bodies(vault, caller.merchant_id)
    assert body["type"] == client.INSTRUMENT_FAILED
    assert body["data"]["instrument"]["instrument_status"] == "FAILED"
    assert body["data"]["instrument"]["instrument_display"] == "XXXXXXXXXXXX2123"
    assert body["data"]["error_details"]["error_code"] == code
    assert body["data"]["error_details"]["error_source"] == "NETWORK"
    assert await row_count(vault, "instruments") == 0


async def test_a_card_of_an_unknown_range_makes_a_failed_event(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    with pytest.raises(CardNotSupportedError):
        await vault.instruments.save(caller, Unit(vault.engine), a_request(FOREIGN, merchant_id=caller.merchant_id))
    (body,) = await bodies(vault, caller.merchant_id)
    assert body["data"]["error_details"]["error_code"] == "CARD_NOT_SUPPORTED"


async def test_a_card_that_no_route_serves_fails_with_an_event(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    vault = behind(vault, vault.engine, vault.token_service, routes=everything_to(NO_PROVIDER))
    with pytest.raises(CardNotSupportedError) as refused:
        await a_saved_card(vault, caller)
    assert refused.value.hint == "visa: no provider is configured for it"
    (body,) = await bodies(vault, caller.merchant_id)
    assert body["data"]["error_details"]["error_code"] == "CARD_NOT_SUPPORTED"


async def test_an_uncommitted_card_makes_no_event(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    await vault.instruments.save(caller, Unit(vault.engine), a_request(merchant_id=caller.merchant_id))
    assert await row_count(vault, "webhook_events") == 0


async def test_without_endpoints_nothing_is_stored(vault: Vault, caller: Caller) -> None:
    other = await a_merchant(vault, "Other Shop")
    await vault.webhooks.add(other.merchant_id, URL, "tests")
    await a_saved_card(vault, caller)
    assert await row_count(vault, "webhook_events") == 0


async def test_every_endpoint_has_a_delivery_and_the_body_is_stored_once(vault: Vault, caller: Caller) -> None:
    for number in range(3):
        await vault.webhooks.add(caller.merchant_id, f"{URL}/{number}", "tests")
    await a_saved_card(vault, caller)
    assert (await row_count(vault, "webhook_events"), await row_count(vault, "webhook_deliveries")) == (1, 3)


async def test_deleting_a_card_makes_no_event(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    await a_deleted_card(vault, caller, card)
    assert await row_count(vault, "webhook_events") == 0


async def test_the_body_of_an_event_is_sealed(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    ((sealed,),) = await sql(vault.engine, "SELECT sealed FROM webhook_events")
    assert card.secrets
    assert card.secrets.par
    for secret in (card.secrets.par, "740324562", "customer-1", "2123"):
        assert secret.encode() not in sealed


async def test_a_body_holds_neither_token_nor_card_number(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    (body,) = await bodies(vault, caller.merchant_id)
    assert card.secrets
    for secret in (
        card.secrets.network_token.reveal(),
        card.secrets.token_reference,
        card.secrets.trid,
        "4706131211212123",
    ):
        assert secret not in json.dumps(body)


async def test_a_deleted_cards_events_are_deleted_once_none_is_pending(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    await vault.deliveries.sweep()
    assert await row_count(vault, "webhook_events") == 1, "a delivery is still pending"
    await sql(vault.engine, "UPDATE webhook_deliveries SET state = 'delivered'")
    await vault.deliveries.sweep()
    assert (await row_count(vault, "webhook_events"), await row_count(vault, "webhook_deliveries")) == (0, 0)


async def test_events_are_kept_as_long_as_the_setting_says(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    await a_saved_card(vault, caller)
    await sql(vault.engine, "UPDATE webhook_deliveries SET state = 'dead'")
    clock.advance(days=29.9)
    await vault.deliveries.sweep()
    assert await row_count(vault, "webhook_events") == 1
    clock.advance(days=0.1)
    await vault.deliveries.sweep()
    assert await row_count(vault, "webhook_events") == 0
    assert clock.now() - NOW == 30 * 86_400_000_000
