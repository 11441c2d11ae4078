"""Events arrive signed and with the published headers; what must not be sent is not sent."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from tests.support.builders import a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.receiver import add_endpoint, deliver, receiving, states
from tokenvault_client import webhooks as client
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller


async def secret_of(vault: Vault, caller: Caller) -> str:
    ((secret_id, sealed),) = await sql(
        vault.engine,
        "SELECT secret_id, sealed FROM merchant_secrets WHERE merchant_id = :merchant_id ORDER BY created_at LIMIT 1",
        merchant_id=caller.merchant_id,
    )
    return (await vault.sealer.open_credential(caller.merchant_id, secret_id, sealed)).reveal()


async def test_the_client_verifies_a_delivered_event(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        card = await a_saved_card(vault, caller)
        assert await deliver(vault.deliveries) == 1
        (received,) = receiver.received
        event = client.verify(received.body, received.headers, await secret_of(vault, caller), now=clock.now() / 1e6)
        assert event.type == client.INSTRUMENT_ACTIVE
        assert event.instrument
        assert event.instrument.instrument_id == card.instrument.instrument_id
        assert received.target == "/hook?a=1"
        assert await states(vault, caller.merchant_id) == [("delivered", 1, "delivered")]
        assert await deliver(vault.deliveries) == 0


async def test_an_attempt_has_the_published_headers(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        (received,) = receiver.received
        assert received.headers["content-type"] == "application/json"
        assert received.headers["x-webhook-version"] == "2025-01-01"
        assert received.headers["x-webhook-attempt"] == "1"
        assert received.headers["x-webhook-timestamp"] == str(clock.now() // 1000)
        assert received.headers["x-idempotency-key"] == b64encode(sha256(received.body).digest()).decode()


async def test_the_older_of_two_live_secrets_signs_until_it_ends(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        old = await secret_of(vault, caller)
        clock.advance(seconds=1)
        new = (await vault.merchants.rotate_secret(caller.merchant_id, 60, "tests")).secret.reveal()
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        clock.advance(seconds=60)
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        first, second = receiver.received
        client.verify(first.body, first.headers, old, now=clock.now() / 1e6)
        client.verify(second.body, second.headers, new, now=clock.now() / 1e6)


async def test_no_event_is_sent_unsigned(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        (secret,) = await vault.merchants.secrets(caller.merchant_id)
        await vault.merchants.revoke_secret(caller.merchant_id, secret.credential_id, "tests")
        await deliver(vault.deliveries)
        assert receiver.received == []
        assert await states(vault, caller.merchant_id) == [("pending", 1, "no_secret")]


async def test_a_partners_endpoint_is_signed_with_its_key_while_it_acts_for_the_merchant(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, caller.merchant_id, "tests")
    async with receiving() as receiver:
        await vault.webhooks.add(caller.merchant_id, receiver.url, "tests", partner.partner_id)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        (received,) = receiver.received
        client.verify(received.body, received.headers, partner.api_key.reveal(), now=clock.now() / 1e6)
        await vault.partners.unlink(partner.partner_id, caller.merchant_id, "tests")
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        assert len(receiver.received) == 1


async def test_nothing_is_sent_to_a_removed_endpoint(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        endpoint = await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await vault.webhooks.remove(caller.merchant_id, endpoint, "tests")
        assert await deliver(vault.deliveries) == 0
        assert await states(vault, caller.merchant_id) == []
