"""Events about a card are delivered in order; cards and endpoints do not wait for each other."""

from __future__ import annotations

import asyncio

from tests.support.builders import a_merchant, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.receiver import (
    AWAY,
    OK,
    SILENT,
    a_connector,
    add_endpoint,
    another_sender,
    deliver,
    receiving,
    states,
)
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.vault.deliveries import DeliveryLimits


async def test_older_events_about_a_card_are_delivered_first(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving(AWAY) as receiver:
        endpoint = await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        (report,) = await vault.webhooks.deliveries(caller.merchant_id)
        clock.advance(minutes=1)
        await vault.webhooks.resend(caller.merchant_id, report.event_id, "tests", endpoint)
        await deliver(vault.deliveries)
        assert len(receiver.received) == 1, "the older delivery is due in a minute"
        receiver.answer = OK
        clock.advance(minutes=1)
        await deliver(vault.deliveries)
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["delivered", "delivered"]
        assert [each.headers["x-webhook-attempt"] for each in receiver.received] == ["1", "2", "1"]
        assert receiver.most_at_once == 1


async def test_a_failed_delivery_does_not_delay_other_cards(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        first = await a_saved_card(vault, caller)
        receiver.choose = lambda received: AWAY if received.instrument_id == first.instrument.instrument_id else OK
        await deliver(vault.deliveries)
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["pending", "delivered"]


async def test_a_body_that_cannot_be_opened_delays_no_other(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await sql(vault.engine, "UPDATE webhook_events SET sealed = :other", other=bytes(120))
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        assert [outcome for _, _, outcome in await states(vault, caller.merchant_id)] == ["not_opened", "delivered"]


async def test_a_silent_endpoint_delays_no_other_endpoint(vault: Vault, caller: Caller) -> None:
    sender = another_sender(vault, a_connector(seconds=60))
    async with receiving(SILENT) as silent, receiving() as receiver:
        await add_endpoint(vault, caller, silent)
        other = await a_merchant(vault, "Other Shop")
        await add_endpoint(vault, other, receiver)
        await a_saved_card(vault, caller)
        await a_saved_card(vault, other)
        assert await sender.start_due() == 2
        async with asyncio.timeout(10):
            await receiver.arrived.wait()
        assert await states(vault, caller.merchant_id) == [("pending", 0, "")]
    await sender.finish()  # the silent receiver closed its connections with its server


async def test_failing_endpoints_get_at_most_half_of_the_batches(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    sender = another_sender(vault, a_connector(seconds=60), limits=DeliveryLimits(concurrent_endpoints=4))
    async with receiving(AWAY) as failing, receiving() as receiver:
        for number in range(6):
            await vault.webhooks.add(caller.merchant_id, f"{failing.url}&{number}", "tests")
        await a_saved_card(vault, caller)
        while await deliver(sender):
            pass
        other = await a_merchant(vault, "Other Shop")
        await add_endpoint(vault, other, receiver)
        clock.advance(minutes=2)
        failing.answer = SILENT
        assert await sender.start_due() == 2, "all six are due, and all failed in their last batch"
        await a_saved_card(vault, other)
        assert await sender.start_due() == 1
        async with asyncio.timeout(10):
            await receiver.arrived.wait()
    await sender.finish()


async def test_an_endpoint_gets_a_few_events_at_a_time_and_finally_all(vault: Vault, caller: Caller) -> None:
    sender = another_sender(vault, limits=DeliveryLimits(concurrent_attempts=3))
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        for number in range(10):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        assert await deliver(sender) == 1
        assert len(receiver.received) == 10
        assert receiver.most_at_once <= 3
        assert receiver.connections <= 3, "connections are reused"
