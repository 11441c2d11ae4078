"""A token service that fails or is slow where a fault rule or a magic value says so.

It stands behind the guard, so deadlines and circuit breakers work as with a real failure: five in a row open a circuit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tokenvault_server.emulator.exchange import EXCHANGE
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.around import AroundTokenService
from tokenvault_server.tsp.provider import (
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


class FaultyTokenService(AroundTokenService):
    """A provider whose answers to calls of the API can be made to fail. Background tasks are left alone."""

    def __init__(self, inner: TokenServiceProvider, wait: Callable[[float], Awaitable[None]]) -> None:
        """Pass calls on to `inner`; `wait` waits in real time."""
        super().__init__(inner)
        self._wait = wait

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._asked(lambda: self._inner.provision(request))

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return await self._asked(lambda: self._inner.cryptogram(key, context))

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        return await self._asked(lambda: self._inner.lifecycle(key, action, reason))

    async def get(self, key: TokenKey) -> TokenView:
        return await self._asked(lambda: self._inner.get(key))

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the provider, unless the call that is under way is to fail."""
        exchange = EXCHANGE.get()
        if exchange and exchange.then.tsp == "down":
            raise TokenServiceUnavailableError(hint="made to fail by a fault rule or a magic value")
        if exchange and exchange.then.tsp == "slow":
            await self._wait(exchange.then.seconds)
        return await ask()
