"""Several processes share the deliveries: each is sent once, also when a process closes or dies."""

from __future__ import annotations

import asyncio

from tests.support.builders import a_saved_card
from tests.support.clock import SettableClock
from tests.support.receiver import add_endpoint, another_sender, deliver, receiving
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.settings import Settings
from tokenvault_server.store import webhook_queue
from tokenvault_server.vault.deliveries import DeliveryLimits


async def test_a_process_that_closes_finishes_its_current_attempts(vault: Vault, caller: Caller) -> None:
    sender = another_sender(vault, limits=DeliveryLimits(concurrent_attempts=1))
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        for number in range(20):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        await sender.start_due()
        async with asyncio.timeout(10):
            await receiver.arrived.wait()
        await sender.close()
        sent_before = len(receiver.received)
        assert 0 < sent_before < 20
        assert await deliver(sender) == 0
        assert await deliver(vault.deliveries) == 1, "another process continues at once"
        assert len(receiver.received) == 20
        assert set(receiver.attempts_by_event().values()) == {1}


async def test_several_servers_on_one_database_send_everything_once(
    vault: Vault, caller: Caller, settings: Settings, clock: SettableClock
) -> None:
    second = await open_vault(settings, clock)
    async with receiving() as receiver:
        for number in range(4):
            await vault.webhooks.add(caller.merchant_id, f"{receiver.url}&{number}", "tests")
        for number in range(10):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        batches = 0
        for _ in range(2):
            batches += sum(await asyncio.gather(deliver(vault.deliveries), deliver(second.deliveries)))
        assert batches == 4
        assert len(receiver.received) == 40
        assert set(receiver.attempts_by_event().values()) == {4}, "once at each endpoint"
    await second.close()


async def test_another_process_sends_what_a_dead_one_had_claimed(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        now = clock.now()
        (position,) = await webhook_queue.due_endpoints(vault.engine, now, 2, failing=False)
        await vault.engine.commit(lambda: webhook_queue.claim(position, "dead", now, now + MINUTE))
        assert await deliver(vault.deliveries) == 0
        clock.advance(minutes=1)
        assert await deliver(vault.deliveries) == 1
        assert len(receiver.received) == 1
