"""Refused authentications in the audit trail, so counted that nobody can flood a chain or the disk with them.

The first refusal of a minute is written at once, under the chain of the merchant whose id was tried (the vault's own
chain when there is no such merchant) and the address it came from. Those that follow within the minute are counted,
and the count is written when the minute is over. Nobody waits for it: a refusal that took longer because it was the
first of a minute in some merchant's chain would tell that there is such a merchant.

Entries are written one after another. Most go to one chain, where they would queue anyway: each would keep a connection
to the database for as long, and whoever guesses from enough addresses would have them all.
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
    """What happened since a refusal was last written for one chain and address."""

    opened_at: int
    unwritten: int = 0


class AuthFailures:
    """Counts refused authentications and writes at most one entry a minute for each chain and address."""

    def __init__(self, engine: Engine, audit: AuditTrail, clock: Clock) -> None:
        """Write to `audit`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def record(self, merchant_id: str | None, origin: str, request_id: str) -> None:
        """Record one refusal: it is written right after this returns, unless it was only counted."""
        now = self._clock.now()
        window_key = (merchant_id or self._audit.own_chain, origin)
        window = self._windows.get(window_key)
        if window is None and len(self._windows) >= _MAX_WINDOWS:
            window_key = (self._audit.own_chain, "")  # too many addresses at once: they share one window
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
        """Wait until what was noted, and not only counted, is on disk."""
        await asyncio.gather(*self._writing)

    async def flush(self, *, everything: bool = False) -> None:
        """Write the counts of the minutes that are over; at shutdown, of all."""
        await self.settled()
        now = self._clock.now()
        for window_key in list(self._windows):
            window = self._windows[window_key]  # as it is now: another minute may have begun while others were written
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
        """Write refusals; those that cannot be written now are counted with the next."""
        try:
            await self._write(window_key, request_id, count)
        except VaultError as error:
            self._keep(window_key, count)
            logger.warning(
                "refused sign-ins are not in the audit trail yet", extra={"hint": error.hint or error.message}
            )

    def _keep(self, window_key: tuple[str, str], count: int) -> None:
        self._windows.setdefault(window_key, _Window(self._clock.now())).unwritten += count

    async def _write(self, window_key: tuple[str, str], request_id: str, count: int) -> None:
        chain, origin = window_key
        event = AuditEntry(
            at=self._clock.now(),
            action=Action.AUTHENTICATION_REFUSED,
            actor="",
            origin=origin,
            request_id=request_id,
            outcome="refused",
            details={"count": count},
        )

        def body() -> Work[None]:
            yield from self._audit.append(chain, event)

        async with self._lock:
            await self._engine.commit(body)
