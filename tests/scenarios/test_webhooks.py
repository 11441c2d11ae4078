"""`kill -9` of whoever delivers: whoever comes next tells everything that was acknowledged, in the end."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from tests.support.builders import settings_in
from tests.support.clock import SettableClock
from tests.support.emulator_process import STOP_SECONDS, started
from tests.support.notified import Listener, listening
from tests.support.receiver import deliver
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import MerchantId
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
