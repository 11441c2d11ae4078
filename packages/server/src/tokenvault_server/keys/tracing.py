"""A master key whose provider is asked within spans. They name the provider's scheme, and no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenvault_server.keys.kek import KeyContext, KeyEncryptionKey

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing


class TracedKek:
    """A master key with a span for each use within a trace."""

    def __init__(self, inner: KeyEncryptionKey, tracing: Tracing) -> None:
        """Trace the uses of `inner`."""
        self._inner = inner
        self._tracing = tracing
        self._attributes = {"tokenvault.key_provider": inner.uri.partition(":")[0]}

    @property
    def uri(self) -> str:
        """Where the master key is."""
        return self._inner.uri

    @property
    def epoch(self) -> str:
        """The version of the master key that `wrap` uses now."""
        return self._inner.epoch

    async def wrap(self, material: bytes, context: KeyContext) -> bytes:
        with self._tracing.child("key_provider wrap", self._attributes):
            return await self._inner.wrap(material, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        with self._tracing.child("key_provider unwrap", self._attributes):
            return await self._inner.unwrap(wrapped, context)

    async def health(self) -> None:
        with self._tracing.child("key_provider health", self._attributes):
            await self._inner.health()
