"""A provider that stands before another one: the base of those that change a few of its answers."""

from __future__ import annotations

from collections.abc import Sequence

from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.tsp.events import InboxEvent
from tokenvault_server.tsp.provider import (
    Capabilities,
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenServiceProvider,
    TokenView,
)


class AroundTokenService:
    """Passes every call to another provider; subclasses change some of them."""

    def __init__(self, inner: TokenServiceProvider) -> None:
        """Stand before `inner`."""
        self._inner = inner

    @property
    def tsp_id(self) -> str:
        """The name of the provider."""
        return self._inner.tsp_id

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do."""
        return self._inner.capabilities

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._inner.provision(request)

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return await self._inner.cryptogram(key, context)

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        return await self._inner.lifecycle(key, action, reason)

    async def get(self, key: TokenKey) -> TokenView:
        return await self._inner.get(key)

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        return await self._inner.close_enrolment(enrolment_id)

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        return await self._inner.events(after, limit)

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        await self._inner.acknowledge(event_ids)

    async def health(self) -> None:
        await self._inner.health()

    async def sweep(self) -> None:
        await self._inner.sweep()

    async def close(self) -> None:
        await self._inner.close()
