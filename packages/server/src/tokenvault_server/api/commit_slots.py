"""Commit slots: the acts of one merchant wait for each other here, and not inside the database.

Acts of one merchant commit one after another, because each appends to the merchant's audit chain (docs/adr/0023). An
act that waits for the chain inside a transaction holds a connection. Without slots, one merchant with many calls at
once would hold every connection, and all other merchants would wait. A few slots lose no speed: while one act commits,
the next ones have reached the chain.
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
        """Let `at_once` acts of a merchant commit; the others wait up to `patience` seconds (loop time)."""
        self._at_once = at_once
        self._patience = patience
        # Acts that commit or wait refer to their merchant's slots; idle merchants use no memory.
        self._slots: WeakValueDictionary[MerchantId, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, merchant_id: MerchantId) -> AsyncIterator[None]:
        """Hold a slot until the block ends; StoreUnavailableError when none is free in time."""
        slots = self._slots.get(merchant_id)
        if slots is None:
            slots = self._slots[merchant_id] = asyncio.Semaphore(self._at_once)
        await self._acquire(slots)
        try:
            yield
        finally:
            slots.release()

    async def _acquire(self, slots: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await slots.acquire()
        except TimeoutError:
            raise StoreUnavailableError(
                "too many acts of one merchant wait to be written", hint="they are written one after another"
            ) from None
