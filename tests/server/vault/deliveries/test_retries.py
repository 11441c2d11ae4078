"""A failed delivery is retried by a schedule, then given up; an operator can send it again."""

from __future__ import annotations

from tests.support.builders import a_saved_card
from tests.support.clock import SettableClock
from tests.support.receiver import AWAY, OK, add_endpoint, another_sender, deliver, receiving, states
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.webhook import DeliveryState
from tokenvault_server.webhooks.schedule import schedule_of


async def test_a_failed_delivery_is_retried_after_2_10_and_30_minutes_and_then_given_up(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        for attempt, minutes in enumerate((2, 10, 30), 1):
            assert await deliver(vault.deliveries) == 1
            assert len(receiver.received) == attempt
            clock.advance(minutes=minutes, seconds=-0.001)
            assert await deliver(vault.deliveries) == 0
            clock.advance(seconds=0.001)
        assert await deliver(vault.deliveries) == 1
        assert await states(vault, caller.merchant_id) == [("dead", 4, "refused")]
        clock.advance(days=1)
        assert await deliver(vault.deliveries) == 0
        assert [each.headers["x-webhook-attempt"] for each in receiver.received] == ["1", "2", "3", "4"]
        assert len({each.headers["x-idempotency-key"] for each in receiver.received}) == 1
        assert len({each.headers["x-webhook-timestamp"] for each in receiver.received}) == 4
        assert len({each.body for each in receiver.received}) == 1


async def test_the_schedule_can_be_set(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    sender = another_sender(vault, schedule=schedule_of([1, 1]))
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        for _ in range(5):
            await deliver(sender)
            clock.advance(minutes=1)
        assert len(receiver.received) == 3
        assert await states(vault, caller.merchant_id) == [("dead", 3, "refused")]


async def test_a_late_success_ends_the_retries(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        receiver.answer = OK
        clock.advance(minutes=2)
        await deliver(vault.deliveries)
        assert await states(vault, caller.merchant_id) == [("delivered", 2, "delivered")]


async def test_an_unreachable_endpoint_is_tried_again(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        await add_endpoint(vault, caller, receiver)
    await a_saved_card(vault, caller)
    await deliver(vault.deliveries)
    assert await states(vault, caller.merchant_id) == [("pending", 1, "unreachable")]


async def test_the_deliveries_of_an_event_are_listed_by_endpoint_and_number(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        endpoints = sorted([await add_endpoint(vault, caller, receiver), await add_endpoint(vault, caller, receiver)])
        await a_saved_card(vault, caller)
        (report, _) = await vault.webhooks.deliveries(caller.merchant_id)
        await vault.webhooks.resend(caller.merchant_id, report.event_id, "tests", endpoints[0])
    listed = await vault.webhooks.deliveries(caller.merchant_id)
    assert [(each.endpoint_id, each.number) for each in listed] == [
        (endpoints[0], 1),
        (endpoints[0], 2),
        (endpoints[1], 1),
    ]


async def test_dead_deliveries_are_listed_and_can_be_sent_again(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    sender = another_sender(vault, schedule=schedule_of([]))
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(sender)
        (dead,) = await vault.webhooks.deliveries(caller.merchant_id, [DeliveryState.DEAD])
        assert (dead.outcome, dead.answered, dead.settled_at) == ("refused", 503, clock.now())
        receiver.answer = OK
        await vault.webhooks.resend(caller.merchant_id, dead.event_id, "tests")
        await deliver(sender)
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["dead", "delivered"]
        assert receiver.received[0].body == receiver.received[1].body
