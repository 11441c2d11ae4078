"""Receivers may fail for hours: every event is delivered in the end, and retries keep nothing in memory."""

from __future__ import annotations

import logging
import tracemalloc

import pytest

from tests.support.builders import a_saved_card
from tests.support.clock import SettableClock
from tests.support.effort import effort
from tests.support.receiver import AWAY, OK, add_endpoint, deliver, receiving, states
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller

HOURS = effort(6, 24)
"""For this long, a card is saved every quarter of an hour; its delivery fails three times."""


async def test_hours_of_retries_deliver_everything_and_keep_nothing_in_memory(
    vault: Vault, caller: Caller, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # or pytest keeps every line
    async with receiving() as receiver:
        receiver.choose = lambda received: OK if received.headers["x-webhook-attempt"] == "4" else AWAY
        await add_endpoint(vault, caller, receiver)
        delivered, traced = 0, []
        tracemalloc.start()
        for minute in range(HOURS * 60 + 43):
            if minute < HOURS * 60 and minute % 15 == 0:
                await a_saved_card(vault, caller, customer_id=f"customer-{minute}")
            await deliver(vault.deliveries)
            clock.advance(minutes=1)
            delivered += len(receiver.received)
            receiver.received.clear()
            traced.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert delivered == 4 * 4 * HOURS
        assert {state for state, _, _ in await states(vault, caller.merchant_id)} == {"delivered"}
        assert traced[-1] - traced[len(traced) // 10] < 256 * 1024
