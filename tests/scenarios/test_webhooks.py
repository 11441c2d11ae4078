"""Whoever delivers may be killed, and receivers may be away: everything is told in the end, and takes no memory."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import tracemalloc
from pathlib import Path

import pytest

from tests.support.builders import a_saved_card, settings_in
from tests.support.clock import SettableClock
from tests.support.emulator_process import STOP_SECONDS, started
from tests.support.notified import Listener, listening
from tests.support.receiver import AWAY, OK, deliver, receiving, states
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.webhook import DeliveryState
from tokenvault_server.vault.deliveries import Pace

CARDS = 40


def told_of(listener: Listener) -> list[str]:
    """Gives the cards that were told of so far, each as often as it was."""
    bodies = [json.loads(each.body) for each in list(listener.heard.queue)]
    return [body["data"]["instrument"]["instrument_id"] for body in bodies]


def test_a_killed_worker_loses_no_notification(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    with listening() as listener:
        saved = []
        with started("--no-rate-limits", "--data", str(data), "--webhook-url", listener.url) as (running, process):
            for number in range(CARDS):
                saved.append(running.save(f"customer-{number}")["instrument_id"])
                if number == CARDS // 2:
                    first = listener.next()  # from here on it is in the middle of delivering
                    listener.heard.put(first)
            process.send_signal(signal.SIGKILL)
            process.wait(STOP_SECONDS)
        asyncio.run(deliver_the_rest(data, running.partner_merchant_id))
        told = told_of(listener)
        assert set(told) == set(saved)
        assert len(told) - len(set(told)) <= Pace().posts, "only what was under way is told twice"


async def deliver_the_rest(data: Path, merchant_id: str) -> None:
    """Takes over as another server would: not before the claim of the one that died has ended."""
    clock = SettableClock(SystemClock().now())
    vault = await open_vault(settings_in(data), clock)
    try:
        clock.advance(minutes=1)
        while await vault.webhooks.deliveries(MerchantId(merchant_id), [DeliveryState.PENDING], 1):
            await deliver(vault.deliveries)
            clock.advance(seconds=1)
    finally:
        await vault.close()


async def test_a_day_of_retries_tells_everything_and_keeps_nothing_in_memory(
    vault: Vault, caller: Caller, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # or pytest would remember every line
    async with receiving() as receiver:
        receiver.choose = lambda heard: OK if heard.headers["x-webhook-attempt"] == "4" else AWAY
        await vault.webhooks.add(caller.merchant_id, receiver.url, "tests")
        told, traced = 0, []
        tracemalloc.start()
        for minute in range(24 * 60 + 43):
            if minute < 24 * 60 and minute % 15 == 0:
                await a_saved_card(vault, caller, customer_id=f"customer-{minute}")
            await deliver(vault.deliveries)
            clock.advance(minutes=1)
            told += len(receiver.heard)
            receiver.heard.clear()
            traced.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert told == 4 * 96
        assert {state for state, _, _ in await states(vault, caller.merchant_id)} == {"delivered"}
        assert traced[-1] - traced[len(traced) // 10] < 256 * 1024
