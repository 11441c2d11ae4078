"""With any answers, processes and times, every event is delivered, and the events of a card in order."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import a_merchant, a_saved_card, settings_in, sql
from tests.support.clock import SettableClock
from tests.support.effort import effort
from tests.support.receiver import AWAY, OK, ReceivedAttempt, Receiver, add_endpoint, another_sender, deliver, receiving
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.webhook import DeliveryState
from tokenvault_server.vault.deliveries import DeliveryLimits

AWAY_FOR_NOW = b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
ANSWERS = (OK, OK, AWAY, AWAY_FOR_NOW)
CARDS = 3

steps = st.lists(
    st.one_of(
        st.tuples(st.just("happens"), st.integers(0, CARDS - 1)),
        st.tuples(st.just("works"), st.integers(0, 1)),
        st.tuples(st.just("passes"), st.sampled_from([1, 60, 120, 600, 1800])),
    ),
    min_size=5,
    max_size=40,
)


@given(script=steps, answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=30))
@settings(max_examples=effort(10, 300), deadline=None)
def test_the_events_of_each_card_arrive_in_order_and_none_is_lost(
    script: list[tuple[str, int]], answers: list[bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(played(Path(folder), script, answers))


async def played(folder: Path, script: list[tuple[str, int]], answers: list[bytes]) -> None:
    clock = SettableClock()
    vault = await open_vault(settings_in(folder), clock, initialise=True)
    caller = await a_merchant(vault)
    async with receiving() as receiver:
        remaining = list(answers)
        receiver.choose = lambda _: remaining.pop() if remaining else OK
        endpoint = await add_endpoint(vault, caller, receiver)
        events = await cards(vault, caller)
        senders = [another_sender(vault, limits=DeliveryLimits(concurrent_attempts=2)) for _ in range(2)]
        for step, number in script:
            if step == "happens":
                await vault.webhooks.resend(caller.merchant_id, events[number], "tests", endpoint)
            elif step == "works":
                await deliver(senders[number])
            else:
                clock.advance(seconds=number)
        while await vault.webhooks.deliveries(caller.merchant_id, [DeliveryState.PENDING], 1):
            clock.advance(minutes=30)
            await deliver(senders[0])
        await check(vault, receiver)
        for sender in senders:
            await sender.close()
    await vault.close()


async def cards(vault: Vault, caller: Caller) -> list[str]:
    """Save cards; return the events that are repeated later."""
    saved = [await a_saved_card(vault, caller, customer_id=f"customer-{number}") for number in range(CARDS)]
    rows = await sql(vault.engine, "SELECT instrument_id, event_id FROM webhook_events")
    by_card: dict[str, str] = dict(rows)
    return [by_card[card.instrument.instrument_id] for card in saved]


async def check(vault: Vault, receiver: Receiver) -> None:
    """Check that attempt numbers restart with each event and never go back within one: none was overtaken."""
    rows = await sql(vault.engine, "SELECT instrument_id, attempt_count, state FROM webhook_deliveries ORDER BY number")
    expected: dict[str, list[int]] = defaultdict(list)
    for instrument_id, attempts, state in rows:
        assert state in {"delivered", "dead"}, "none is lost"
        expected[instrument_id] += range(1, attempts + 1)
    received: dict[str, list[int]] = defaultdict(list)
    for each in receiver.received:
        received[each.instrument_id].append(attempt_of(each))
    assert received == expected


def attempt_of(received: ReceivedAttempt) -> int:
    return int(received.headers["x-webhook-attempt"])
