"""Figures about the queues and the keys in the databases, for metrics.

They are read on a rhythm of their own, not at each scrape. Each statement reads an index, and a bounded part of it: a
queue of 10^6 entries costs no more than one of 10^4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.store import outbox, webhooks
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics, QueueState
from tokenvault_server.vault.initialisation import OWN_KEYS

VAULT: Final = "vault"
"""The name of the vault's own database among metrics."""
_OF_MERCHANTS: Final = (Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID)
"""Every merchant has a key of each of these."""
_OF_SERVICES: Final = (Purpose.CARD, Purpose.CARD_INDEX, Purpose.PAR)


class Figures:
    """Measures the databases of one vault."""

    def __init__(
        self,
        engine: Engine,
        local_engines: Mapping[str, Engine],
        kek: KeyEncryptionKey,
        clock: Clock,
        metrics: BackgroundMetrics,
    ) -> None:
        """Measure the vault's database and those of the built-in token services."""
        self._engine = engine
        self._kek = kek
        self._clock = clock
        self._metrics = metrics
        services = {name: _KeyAges(each, _OF_SERVICES, ()) for name, each in local_engines.items()}
        self._keys = {VAULT: _KeyAges(engine, OWN_KEYS, _OF_MERCHANTS), **services}

    async def measure(self) -> None:
        """Read every figure once."""
        self._metrics.pending_deliveries(await webhooks.pending(self._engine))
        count, oldest = await outbox.state(self._engine)
        age = 0.0 if oldest is None else max(0, self._clock.now() - oldest) / SECOND
        self._metrics.outbox(QueueState(count, age))
        for store, keys in self._keys.items():
            await keys.read()
            for purpose, made_at in keys.made.items():
                self._metrics.key_times.key(store, purpose, made_at / SECOND)
        wrapped = self._keys[VAULT].oldest_of(self._kek.epoch)
        if wrapped is not None:
            self._metrics.key_times.master_key(wrapped / SECOND)


class _KeyAges:
    """When the oldest keys in use of one database were made."""

    def __init__(self, engine: Engine, own: Sequence[Purpose], of_merchants: Sequence[Purpose]) -> None:
        self._table = KeyTable(engine)
        self._own = own
        self._first: dict[Purpose, int] = dict.fromkeys(of_merchants, 0)
        """The oldest key in use at the last look: older ones never come back into use."""
        self._epochs: list[tuple[str, int]] = []
        self.made: dict[str, int] = {}

    async def read(self) -> None:
        """Look at the keys now."""
        self._epochs = []
        for purpose in self._own:
            if key := await self._table.newest_active_key(purpose, ""):
                self.made[purpose.value] = key.created_at
                self._epochs.append((key.epoch, key.created_at))
        for purpose, first in self._first.items():
            if oldest := await self._table.oldest_active(purpose, first):
                self._first[purpose], self.made[purpose.value] = oldest

    def oldest_of(self, epoch: str) -> int | None:
        """Return when the oldest own key was made that a version of the master key wrapped."""
        return min((made for name, made in self._epochs if name == epoch), default=None)
