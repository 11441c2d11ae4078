"""Authentication failures in the audit trail, aggregated so that they cannot flood a chain or the disk.

Failures are counted for each chain and address. The chain is that of the merchant whose id was tried, or the vault's
own chain when there is no such merchant. The first failure of a minute is written at once. Later ones within the minute
are counted, and the count is written when the minute is over.

No call waits for a write. Otherwise the first failure of a minute in a merchant's chain would take longer, and its
duration would show that the merchant exists.

Entries are written one after another. Most go to the same chain, where they would wait for each other anyway. While
they wait, each would use a connection to the database, and an attacker with many addresses could use up all of them.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import MINUTE, Clock
from tokenvault_server.errors import VaultError
from tokenvault_server.vault.audit import AuditTrail

logger = logging.getLogger(__name__)

_MAX_WINDOWS = 10_000


@dataclass(slots=True)
class _Window:
    """The failures of one chain and address since one was last written."""

    opened_at: int
    unwritten: int = 0


class AuthFailures:
    """Counts authentication failures and writes at most one entry a minute for each chain and address."""

    def __init__(self, engine: Engine, audit: AuditTrail, clock: Clock, *, max_windows: int = _MAX_WINDOWS) -> None:
        """Write to `audit`; count at most `max_windows` pairs of chain and address apart."""
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._max_windows = max_windows
        self._windows: dict[tuple[str, str], _Window] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def record(self, merchant_id: str | None, origin: str, request_id: str) -> None:
        """Record one failure. It is counted, or written soon after this returns."""
        now = self._clock.now()
        window_key = (merchant_id or self._audit.own_chain, origin)
        window = self._windows.get(window_key)
        if window is None and len(self._windows) >= self._max_windows:
            window_key = (self._audit.own_chain, "")  # too many addresses: the rest share one window
            window = self._windows.get(window_key)
        if window is not None and now - window.opened_at < MINUTE:
            window.unwritten += 1
            return
        earlier = window.unwritten if window else 0
        self._windows[window_key] = _Window(now)
        task = asyncio.create_task(self._write_or_keep(window_key, request_id, earlier + 1))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settled(self) -> None:
        """Wait until the entries that are being written are on disk; counts are not waited for."""
        if self._writing:
            await asyncio.wait(self._writing)  # unlike gather, it does not cancel them when it is cancelled itself

    async def flush(self, *, everything: bool = False) -> None:
        """Write the counts of the minutes that are over; with `everything`, at shutdown, all counts."""
        await self.settled()
        now = self._clock.now()
        for window_key in list(self._windows):
            window = self._windows[window_key]  # read now: a new minute may have begun during the writes before
            if everything or now - window.opened_at >= MINUTE:
                del self._windows[window_key]
                if window.unwritten:
                    await self._write_counted(window_key, window.unwritten)

    async def _write_counted(self, window_key: tuple[str, str], count: int) -> None:
        try:
            await self._write(window_key, "", count)
        except VaultError:
            self._keep(window_key, count)
            raise

    async def _write_or_keep(self, window_key: tuple[str, str], request_id: str, count: int) -> None:
        """Write failures; if that fails, count them with the next ones."""
        try:
            await self._write(window_key, request_id, count)
        except VaultError as error:
            self._keep(window_key, count)
            logger.warning(
                "authentication failures are not in the audit trail yet", extra={"hint": error.hint or error.message}
            )

    def _keep(self, window_key: tuple[str, str], count: int) -> None:
        self._windows.setdefault(window_key, _Window(self._clock.now())).unwritten += count

    async def _write(self, window_key: tuple[str, str], request_id: str, count: int) -> None:
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
