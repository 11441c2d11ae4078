"""A guard around a token service provider: it answers in time, and only with errors that callers may see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentInactiveError,
    InvalidFieldError,
    TokenServiceUnavailableError,
    VaultError,
)
from tokenvault_server.tsp.provider import (
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    ProvisionRequest,
    TokenGrant,
    TokenServiceProvider,
    TokenView,
)

T = TypeVar("T")

_CALLERS_OWN = (CardNotSupportedError, InstrumentInactiveError, InvalidFieldError, TokenServiceUnavailableError)


class GuardedTokenService:
    """A provider with a deadline on every call, whose failures are all `TokenServiceUnavailableError`."""

    def __init__(self, inner: TokenServiceProvider, deadline_seconds: float = 10) -> None:
        """Guard `inner`."""
        self._inner = inner
        self._deadline_seconds = deadline_seconds

    @property
    def tsp_id(self) -> str:
        """The name of the guarded provider."""
        return self._inner.tsp_id

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._ask(self._inner.provision(request))

    async def cryptogram(self, token_reference: TokenReference, context: CryptogramContext) -> Cryptogram:
        return await self._ask(self._inner.cryptogram(token_reference, context))

    async def lifecycle(self, token_reference: TokenReference, action: LifecycleAction, reason: str) -> None:
        await self._ask(self._inner.lifecycle(token_reference, action, reason))

    async def get(self, token_reference: TokenReference) -> TokenView:
        return await self._ask(self._inner.get(token_reference))

    async def close(self) -> None:
        await self._inner.close()

    async def _ask(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await answer
        except _CALLERS_OWN:
            raise
        except TimeoutError as error:
            hint = f"{self.tsp_id} did not answer within {self._deadline_seconds} s"
            raise TokenServiceUnavailableError(hint=hint) from error
        except Exception as error:
            raise TokenServiceUnavailableError(hint=f"{self.tsp_id}: {_told(error)}") from error


def _told(error: Exception) -> str:
    """Say what happened in words of ours: a foreign message may quote a card number."""
    if isinstance(error, VaultError):
        return "; ".join(part for part in (error.message, error.hint) if part)
    return type(error).__name__
