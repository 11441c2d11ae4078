"""Authentication failures in the audit trail, aggregated so that they cannot flood a chain or the disk.

Failures are counted for each chain and address. The chain is that of the merchant whose id was tried, or the vault's
own chain when there is no such merchant. What counts as one address is decided by `budget_holder`. The first failure of
a minute is written at once. Later ones within the minute are counted, and the count is written when the minute is over.

Each chain counts a few addresses apart; the others of that minute share one count, whose address is empty. So the
failures of a chain are always in that chain, with their number, whatever happens to other chains: a flood of unknown
client ids from any number of addresses displaces no failure of a merchant, and writes a few entries a minute.

No call waits for a write. Otherwise the first failure of a minute in a merchant's chain would take longer, and its
duration would show that the merchant exists.

Entries are written one after another. Most go to the same chain, where they would wait for each other anyway. While
they wait, each would use a connection to the database, and an attacker with many addresses could use up all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.addresses import budget_holder
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import MINUTE, Clock
from tokenvault_server.errors import VaultError
from tokenvault_server.vault.audit import AuditTrail

logger = logging.getLogger(__name__)

_ADDRESSES_APART: Final = 10
_MAX_WINDOWS: Final = 10_000
_OTHERS: Final = ""


class _WindowKey(NamedTuple):
    chain: str
    address: str
    """The holder of the address's budget, or `_OTHERS`."""


@dataclass(slots=True)
class _Window:
    """The failures of one chain and address since one was last written."""

    opened_at: int
    unwritten: int = 0


class AuthFailures:
    """Counts authentication failures and writes at most one entry a minute for each chain and address."""

    def __init__(
        self,
        engine: Engine,
        audit: AuditTrail,
        clock: Clock,
        *,
        addresses_apart: int = _ADDRESSES_APART,
        max_windows: int = _MAX_WINDOWS,
    ) -> None:
        """Write to `audit`.

        Args:
            engine: where the chains are.
            audit: appends the entries.
            clock: says when a minute is over.
            addresses_apart: how many addresses each chain counts apart within a minute.
            max_windows: how many windows all chains together have before they count no further address apart.
        """
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._addresses_apart = addresses_apart
        self._max_windows = max_windows
        self._windows: dict[_WindowKey, _Window] = {}
        self._open: Counter[str] = Counter()
        """How many windows each chain has."""
        self._writing: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def record(self, merchant_id: str | None, origin: str, request_id: str) -> None:
        """Record one failure. It is counted, or written soon after this returns."""
        now = self._clock.now()
        window_key = _WindowKey(merchant_id or self._audit.own_chain, budget_holder(origin))
        if window_key not in self._windows and not self._has_room(window_key.chain):
            window_key = _WindowKey(window_key.chain, _OTHERS)
        window = self._windows.get(window_key)
        if window is not None and now - window.opened_at < MINUTE:
            window.unwritten += 1
            return
        earlier = window.unwritten if window else 0
        window = self._opened(window_key)
        window.opened_at, window.unwritten = now, 0
        task = asyncio.create_task(self._write_or_keep(window_key, request_id, earlier + 1))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settled(self) -> None:
        """Wait until the entries that are being written are on disk; counts are not waited for."""
        if self._writing:
            await asyncio.wait(self._writing)  # unlike gather, it does not cancel them when it is cancelled itself

    def forget(self) -> None:
        """Forget the counts that are not written, because an emulator's store went back to an earlier state."""
        self._windows.clear()
        self._open.clear()

    async def flush(self, *, everything: bool = False) -> None:
        """Write the counts of the minutes that are over; with `everything`, at shutdown, all counts."""
        await self.settled()
        now = self._clock.now()
        for window_key in list(self._windows):
            window = self._windows[window_key]  # read now: a new minute may have begun during the writes before
            if everything or now - window.opened_at >= MINUTE:
                self._close(window_key)
                if window.unwritten:
                    await self._write_counted(window_key, window.unwritten)

    def _has_room(self, chain: str) -> bool:
        """Return whether a chain may count one more address apart."""
        return self._open[chain] < self._addresses_apart and len(self._windows) < self._max_windows

    def _opened(self, window_key: _WindowKey) -> _Window:
        """Return a window, a new one if there is none."""
        window = self._windows.get(window_key)
        if window is None:
            window = self._windows[window_key] = _Window(self._clock.now())
            self._open[window_key.chain] += 1
        return window

    def _close(self, window_key: _WindowKey) -> None:
        del self._windows[window_key]
        self._open[window_key.chain] -= 1
        if not self._open[window_key.chain]:
            del self._open[window_key.chain]

    async def _write_counted(self, window_key: _WindowKey, count: int) -> None:
        try:
            await self._write(window_key, "", count)
        except VaultError:
            self._keep(window_key, count)
            raise

    async def _write_or_keep(self, window_key: _WindowKey, request_id: str, count: int) -> None:
        """Write failures; if that fails, count them with the next ones."""
        try:
            await self._write(window_key, request_id, count)
        except VaultError as error:
            self._keep(window_key, count)
            logger.warning(
                "authentication failures are not in the audit trail yet", extra={"hint": error.hint or error.message}
            )

    def _keep(self, window_key: _WindowKey, count: int) -> None:
        self._opened(window_key).unwritten += count

    async def _write(self, window_key: _WindowKey, request_id: str, count: int) -> None:
        chain, origin = window_key
        entry = AuditEntry(
            at=self._clock.now(),
            action=Action.AUTHENTICATION_REFUSED,
            actor="",
            origin=origin,
            request_id=request_id,
            outcome="refused",
            details={"count": count},
        )

        def body() -> Work[None]:
            yield from self._audit.append(chain, entry)

        async with self._lock:
            await self._engine.commit(body)
