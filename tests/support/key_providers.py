"""A key provider whose answers a test holds back, in place of one that is a network away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tokenvault_server.keys.kek import KeyContext, KeyEncryptionKey


class HeldKek:
    """Answers as the provider inside does, at once or, while it is held, when it is released."""

    def __init__(self, inner: KeyEncryptionKey) -> None:
        self._inner = inner
        self._owner: str | None = None
        self._released = asyncio.Event()
        self._released.set()
        self._entered = asyncio.Event()
        self.unwrapped = 0
        self.failure: Exception | None = None
        """What every answer is, while it is set."""
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What happens before every answer."""

    @property
    def uri(self) -> str:
        return self._inner.uri

    @property
    def epoch(self) -> str:
        return self._inner.epoch

    def hold(self, owner: str | None = None) -> None:
        """Hold back the answers about one owner's keys, or about all keys."""
        self._owner = owner
        self._released.clear()
        self._entered.clear()

    def release(self) -> None:
        """Answer whatever is held back, and everything that follows."""
        self._released.set()

    async def waiting(self) -> None:
        """Return when somebody waits for an answer."""
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
