"""A merchant with several endpoints, who knows what they must be told, and in which order it was."""

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

Notice = tuple[str, str, int]
"""An endpoint's path, a card, and which of its notifications: 0 when it was saved, later ones by their step."""


class WebhookMerchant:
    """The merchant, the cards that others save for it, and cards about which there is something new again and again."""

    def __init__(self, vault: Path, stores: Sequence[str], listener: Listener) -> None:
        self.vault = vault
        self.expected = Expectations()
        self.heard: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """By path and card the notifications in the order in which they came."""
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
        """Has something new to tell about each of a few cards, several times, as another server would."""
        asyncio.run(self._with_vault(self._queue_steps))

    def pending(self) -> bool:
        """Tells whether anything waits to be told."""
        pending = [DeliveryState.PENDING]
        return bool(
            asyncio.run(self._with_vault(lambda vault: vault.webhooks.deliveries(self._merchant_id, pending, 1)))
        )

    def pass_a_minute(self) -> None:
        """Moves the ends of all claims as far back as they are after a minute in which nobody ran."""
        shift = "UPDATE webhook_endpoints SET claimed_until = claimed_until - :minute"
        asyncio.run(self._with_vault(lambda vault: sql(vault.engine, shift, minute=MINUTE)))

    def receive_one(self) -> None:
        """Waits for one more notification."""
        notified = self._listener.next()
        body = json.loads(notified.body)
        card = body["data"]["instrument"]["instrument_id"]
        self.heard[notified.path, card].append(body.get("step", 0))

    def receive_all(self) -> None:
        """Waits until every endpoint was told of every saving that was acknowledged, and of every step."""
        missing = self._wanted() - self._told().keys()
        while missing:
            self.receive_one()
            missing -= self._told().keys()

    def repeats(self) -> Counter[str]:
        """Gives for each path how many notifications came that had come before."""
        repeats = Counter(dict.fromkeys(self._paths, 0))
        for (path, _, _), times in self._told().items():
            repeats[path] += times - 1
        return repeats

    def _wanted(self) -> set[Notice]:
        saved = self.expected.active | self.expected.unconfirmed | self.expected.deleted
        webhook_events = self._queued | {(card.rpartition("/")[2], 0) for card in saved}
        return {(path, *notice) for path in self._paths for notice in webhook_events}

    def _told(self) -> Counter[Notice]:
        return Counter((*where, number) for where, numbers in self.heard.items() for number in numbers)

    async def _queue_steps(self, vault: Vault) -> None:
        for step in [next(self._steps) for _ in range(STEPS)]:
            for number in range(CARDS):
                await self._queue(vault, f"card-{number}", step)

    async def _queue(self, vault: Vault, card: str, step: int) -> None:
        """Writes an event as the vault itself would."""
        now = vault.clock.now()
        event_id = prefixed("evt", now)
        body = json.dumps({"data": {"instrument": {"instrument_id": card}}, "step": step})
        sealed = await vault.sealer.seal_text(self._merchant_id, RECORD_TYPE, event_id, body)
        event = Event(self._merchant_id, event_id, InstrumentId(card), "TEST", sealed, now, now + DAY)

        def announced() -> Work[int]:
            return (yield from webhooks.insert_event(event))

        assert await vault.engine.commit(announced) == ENDPOINTS
        self._queued.add((card, step))

    async def _with_vault(self, act: Callable[[Vault], Awaitable[T]]) -> T:
        vault = await open_vault(settings.load(os.environ, self._config), SystemClock())
        try:
            return await act(vault)
        finally:
            await vault.close()
