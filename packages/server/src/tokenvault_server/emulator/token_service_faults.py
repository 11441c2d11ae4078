"""A token service that fails or is slow where a fault rule or a magic value says so.

It stands behind the guard, so deadlines and circuit breakers work as with a real failure: five in a row open a circuit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.emulator.exchange import EXCHANGE
from tokenvault_server.errors import TokenServiceUnavailableError
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

T = TypeVar("T")


class FaultyTokenService:
    """A provider whose answers to calls of the API can be made to fail. Background tasks are left alone."""

    def __init__(self, inner: TokenServiceProvider, wait: Callable[[float], Awaitable[None]]) -> None:
        """Pass calls on to `inner`; `wait` waits in real time."""
        self._inner = inner
        self._wait = wait

    @property
    def tsp_id(self) -> str:
        """The name of the provider."""
        return self._inner.tsp_id

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do."""
        return self._inner.capabilities

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._asked(lambda: self._inner.provision(request))

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return await self._asked(lambda: self._inner.cryptogram(key, context))

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        return await self._asked(lambda: self._inner.lifecycle(key, action, reason))

    async def get(self, key: TokenKey) -> TokenView:
        return await self._asked(lambda: self._inner.get(key))

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

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the provider, unless the call that is under way is to fail."""
        exchange = EXCHANGE.get()
        if exchange and exchange.then.tsp == "down":
            raise TokenServiceUnavailableError(hint="made to fail by a fault rule or a magic value")
        if exchange and exchange.then.tsp == "slow":
            await self._wait(exchange.then.seconds)
        return await ask()
