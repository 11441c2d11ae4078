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
from weakref import WeakValueDictionary

from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import StoreUnavailableError


class CommitSlots:
    """Lets a few acts of each merchant commit at once."""

    def __init__(self, at_once: int, patience: float) -> None:
        """Let `at_once` commit; have the others wait up to `patience` seconds."""
        self._at_once = at_once
        self._patience = patience
        # Whoever commits or waits holds on to its merchant's places; those of quiet merchants are gone.
        self._places: WeakValueDictionary[MerchantId, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, merchant_id: MerchantId) -> AsyncIterator[None]:
        """Wait for a turn, which lasts until the block ends; StoreUnavailableError when it does not come in time."""
        places = self._places.get(merchant_id)
        if places is None:
            places = self._places[merchant_id] = asyncio.Semaphore(self._at_once)
        await self._wait(places)
        try:
            yield
        finally:
            places.release()

    async def _wait(self, places: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await places.acquire()
        except TimeoutError:
            raise StoreUnavailableError(
                "too many acts of one merchant wait to be written", hint="they are written one after another"
            ) from None
