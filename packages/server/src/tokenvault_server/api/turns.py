"""Has the acts of one merchant wait for each other here, and not on connections to the database.

They become true one after another, for each appends to its merchant's audit chain (docs/adr/0023), and whoever waits
for that inside a transaction keeps a connection meanwhile. A merchant whose calls come many at once would have all that
there are, and everybody else's calls would wait for them. A few acts at once lose nothing: while one commits, the next
have come as far as the chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import StoreUnavailableError


class _Line:
    """Those of one merchant."""

    __slots__ = ("length", "places")

    def __init__(self, at_once: int) -> None:
        self.places = asyncio.Semaphore(at_once)
        self.length = 0
        """How many commit or wait."""


class Turns:
    """Lets a few acts of each merchant commit at once."""

    def __init__(self, at_once: int, patience: float) -> None:
        """Let `at_once` commit; have the others wait up to `patience` seconds."""
        self._at_once = at_once
        self._patience = patience
        self._lines: dict[MerchantId, _Line] = {}

    @asynccontextmanager
    async def of(self, merchant_id: MerchantId) -> AsyncIterator[None]:
        """Wait for a turn, which lasts until the block ends; StoreUnavailableError when it does not come in time."""
        line = self._lines.setdefault(merchant_id, _Line(self._at_once))
        line.length += 1
        try:
            await self._wait(line)
            try:
                yield
            finally:
                line.places.release()
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[merchant_id]

    async def _wait(self, line: _Line) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await line.places.acquire()
        except TimeoutError:
            raise StoreUnavailableError(
                "too many acts of one merchant wait to be written", hint="they are written one after another"
            ) from None
