"""The deliveries of a suspended merchant or partner wait, and are sent after it is resumed."""

from __future__ import annotations

from tests.support.builders import a_saved_card
from tests.support.clock import SettableClock
from tests.support.receiver import OK, add_endpoint, deliver, receiving, states
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.store.webhooks import lag


async def test_deliveries_of_a_suspended_merchant_wait_and_are_not_late(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    other = Caller((await vault.merchants.add("Other", "tests")).merchant.merchant_id, "tests")
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        await add_endpoint(vault, other, receiver)
        await a_saved_card(vault, caller)
        await vault.account_states.suspend_merchant(caller.merchant_id, "tests", "")
        for _ in range(3):
            clock.advance(days=1)
            assert await deliver(vault.deliveries) == 0
            await vault.deliveries.sweep()
        assert await lag(vault.engine, clock.now()) == (0, 0)
        await a_saved_card(vault, other)
        assert await deliver(vault.deliveries) == 1
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["pending"]
        await vault.account_states.resume_merchant(caller.merchant_id, "tests", "")
        assert await deliver(vault.deliveries) == 1
    assert await states(vault, caller.merchant_id) == [("delivered", 1, "delivered")]


async def test_a_batch_ends_when_its_merchant_is_suspended(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
        for number in range(30):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        await vault.deliveries.start_due()
        await receiver.arrived.wait()
        await vault.account_states.suspend_merchant(caller.merchant_id, "tests", "")
        await vault.deliveries.finish()
        assert 0 < len(receiver.received) < 30
        await vault.account_states.resume_merchant(caller.merchant_id, "tests", "")
        vault.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a settable clock
        assert await deliver(vault.deliveries) == 1
        assert len(receiver.received) == 30
        assert set(receiver.attempts_by_event().values()) == {1}


async def test_only_the_endpoints_of_a_suspended_partner_wait(vault: Vault, caller: Caller) -> None:
    partner_id = (await vault.partners.add("Platform", "tests")).partner_id
    await vault.partners.link(partner_id, caller.merchant_id, "tests")
    async with receiving(OK) as own, receiving(OK) as partners:
        await add_endpoint(vault, caller, own)
        await vault.webhooks.add(caller.merchant_id, partners.url, "tests", partner_id)
        await a_saved_card(vault, caller)
        await vault.account_states.suspend_partner(partner_id, "tests", "")
        assert await deliver(vault.deliveries) == 1
        assert (len(own.received), len(partners.received)) == (1, 0)
        await vault.account_states.resume_partner(partner_id, "tests", "")
        assert await deliver(vault.deliveries) == 1
        assert (len(own.received), len(partners.received)) == (1, 1)
