"""A merchant with several endpoints, which checks the events that they receive and their order."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import TypeVar

from tests.scenarios.expectations import Expectations
from tests.support.builders import sql
from tests.support.commands import run_json
from tests.support.served_process import initialised
from tests.support.webhook_listener import Listener
from tokenvault_server import settings
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Work
from tokenvault_server.domain.clock import DAY, MINUTE, SystemClock
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId, prefixed
from tokenvault_server.domain.webhook import DeliveryState, Event
from tokenvault_server.store import webhooks
from tokenvault_server.vault.webhook_events import RECORD_TYPE

T = TypeVar("T")

ENDPOINTS = 4
CARDS = 6
STEPS = 5

Delivery = tuple[str, str, int]
"""An endpoint's path, a card, and the number of the event: 0 when it was saved, later ones by their step."""


class WebhookMerchant:
    """The merchant, the cards that callers save for it, and a few cards with many events."""

    def __init__(self, vault: Path, stores: Sequence[str], listener: Listener) -> None:
        self.vault = vault
        self.expected = Expectations()
        self.received: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """The numbers of the received events in their order, by path and card."""
        self._config = initialised(vault, stores)
        self._listener = listener
        self._paths = [f"/hook/{number}" for number in range(ENDPOINTS)]
        self._steps = count(1)
        self._queued: set[tuple[str, int]] = set()
        self.merchant: dict[str, str] = run_json("merchant", "add", "Corner Shop", "--config", str(self._config))
        self._merchant_id = MerchantId(self.merchant["merchant_id"])
        for path in self._paths:
            url = listener.url.replace("/hook", path)
            run_json("webhooks", "endpoints", "add", self._merchant_id, url, "--config", str(self._config))

    def queue_steps(self) -> None:
        """Queue several events about each of a few cards, as another server would."""
        asyncio.run(self._with_vault(self._queue_steps))

    def pending(self) -> bool:
        """Return whether any delivery is pending."""
        pending = [DeliveryState.PENDING]
        return bool(
            asyncio.run(self._with_vault(lambda vault: vault.webhooks.deliveries(self._merchant_id, pending, 1)))
        )

    def pass_a_minute(self) -> None:
        """Move the ends of all claims back by a minute, as if no server had run for a minute."""
        shift = "UPDATE webhook_endpoints SET claimed_until = claimed_until - :minute"
        asyncio.run(self._with_vault(lambda vault: sql(vault.engine, shift, minute=MINUTE)))

    def receive_one(self) -> None:
        """Wait for one more attempt."""
        attempt = self._listener.next()
        body = json.loads(attempt.body)
        card = body["data"]["instrument"]["instrument_id"]
        self.received[attempt.path, card].append(body.get("step", 0))

    def receive_all(self) -> None:
        """Wait until every endpoint has received the event of every acknowledged card, and every step."""
        missing = self._expected_deliveries() - self._attempts().keys()
        while missing:
            self.receive_one()
            missing -= self._attempts().keys()

    def repeats(self) -> Counter[str]:
        """Return for each path how many attempts repeated an earlier one."""
        repeats = Counter(dict.fromkeys(self._paths, 0))
        for (path, _, _), times in self._attempts().items():
            repeats[path] += times - 1
        return repeats

    def _expected_deliveries(self) -> set[Delivery]:
        saved = self.expected.active | self.expected.unconfirmed | self.expected.deleted
        events = self._queued | {(card.rpartition("/")[2], 0) for card in saved}
        return {(path, *event) for path in self._paths for event in events}

    def _attempts(self) -> Counter[Delivery]:
        return Counter(
            (*path_and_card, number) for path_and_card, numbers in self.received.items() for number in numbers
        )

    async def _queue_steps(self, vault: Vault) -> None:
        for step in [next(self._steps) for _ in range(STEPS)]:
            for number in range(CARDS):
                await self._queue(vault, f"card-{number}", step)

    async def _queue(self, vault: Vault, card: str, step: int) -> None:
        """Write an event as the vault itself does."""
        now = vault.clock.now()
        event_id = prefixed("evt", now)
        body = json.dumps({"data": {"instrument": {"instrument_id": card}}, "step": step})
        sealed = await vault.sealer.seal_text(self._merchant_id, RECORD_TYPE, event_id, body)
        event = Event(self._merchant_id, event_id, InstrumentId(card), "TEST", sealed, now, now + DAY)

        def insert() -> Work[int]:
            return (yield from webhooks.insert_event(event))

        assert await vault.engine.commit(insert) == ENDPOINTS
        self._queued.add((card, step))

    async def _with_vault(self, act: Callable[[Vault], Awaitable[T]]) -> T:
        vault = await open_vault(settings.load(os.environ, self._config), SystemClock())
        try:
            return await act(vault)
        finally:
            await vault.close()
