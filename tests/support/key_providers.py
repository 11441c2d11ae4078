"""A key provider whose answers a test can delay, as a remote one's answers are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tokenvault_server.keys.kek import KeyContext, KeyEncryptionKey


class BlockingKek:
    """Returns the answers of another provider; while it is blocked, answers wait for `release`."""

    def __init__(self, inner: KeyEncryptionKey) -> None:
        self._inner = inner
        self._owner: str | None = None
        self._released = asyncio.Event()
        self._released.set()
        self._entered = asyncio.Event()
        self.unwrapped = 0
        self.failure: Exception | None = None
        """Raised instead of every answer, if set."""
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """Awaited before every answer, if set."""

    @property
    def uri(self) -> str:
        return self._inner.uri

    @property
    def epoch(self) -> str:
        return self._inner.epoch

    def block(self, owner: str | None = None) -> None:
        """Delay the answers about one owner's keys, or about all keys."""
        self._owner = owner
        self._released.clear()
        self._entered.clear()

    def release(self) -> None:
        """Return the delayed answers, and all later ones at once."""
        self._released.set()

    async def waiting(self) -> None:
        """Return when a call waits for an answer."""
        await self._entered.wait()

    async def wrap(self, material: bytes, context: KeyContext) -> bytes:
        await self._wait(context)
        return await self._inner.wrap(material, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        await self._wait(context)
        self.unwrapped += 1
        return await self._inner.unwrap(wrapped, context)

    async def health(self) -> None:
        await self._inner.health()

    async def _wait(self, context: KeyContext) -> None:
        if self.meanwhile:
            await self.meanwhile()
        if not self._released.is_set() and self._owner in {None, context.owner}:
            self._entered.set()
            await self._released.wait()
        if self.failure:
            raise self.failure
