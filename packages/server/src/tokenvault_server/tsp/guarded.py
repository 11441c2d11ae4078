"""A guard around a token service provider: it answers in time, and with nothing but what can be used or told.

Each call has a deadline, its operation a circuit breaker, and its answer is looked at before anybody else sees it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentInactiveError,
    InvalidFieldError,
    SealBrokenError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
    VaultError,
)
from tokenvault_server.tsp.answers import check_cryptogram, check_grant, check_reference, check_view
from tokenvault_server.tsp.circuit import Circuit, Watcher
from tokenvault_server.tsp.deadline import Deadline
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

_CALLERS_OWN = (CardNotSupportedError, InstrumentInactiveError, InvalidFieldError, UnusableAnswerError)
_SAYS_NOTHING_OF_OTHERS = (*_CALLERS_OWN, SealBrokenError)


class GuardedTokenService:
    """A provider whose failures are all `TokenServiceUnavailableError`, and whose answers are what they should be."""

    def __init__(self, inner: TokenServiceProvider, clock: Clock, deadline_seconds: float = 10) -> None:
        """Guard `inner`."""
        self._inner = inner
        self._clock = clock
        self._deadline = Deadline(deadline_seconds)
        self._provision = Circuit(f"{inner.tsp_id}.provision", clock)
        self._cryptogram = Circuit(f"{inner.tsp_id}.cryptogram", clock)
        self._lifecycle = Circuit(f"{inner.tsp_id}.lifecycle", clock)
        self._get = Circuit(f"{inner.tsp_id}.get", clock)
        self._close_enrolment = Circuit(f"{inner.tsp_id}.close_enrolment", clock)

    @property
    def tsp_id(self) -> str:
        """The name of the guarded provider."""
        return self._inner.tsp_id

    @property
    def circuits(self) -> Iterator[Circuit]:
        """The circuit of each operation."""
        return iter((self._provision, self._cryptogram, self._lifecycle, self._get, self._close_enrolment))

    def watch(self, watcher: Watcher) -> None:
        """Tell how each circuit is now, and whenever one changes."""
        for circuit in self.circuits:
            watcher(circuit.name, circuit.state)
            circuit.watchers.append(watcher)

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._ask(
            self._provision,
            lambda: self._inner.provision(request),
            lambda grant: check_grant(request, grant, self._clock.now()),
        )

    async def cryptogram(self, token_reference: TokenReference, context: CryptogramContext) -> Cryptogram:
        return await self._ask(
            self._cryptogram,
            lambda: self._inner.cryptogram(token_reference, context),
            lambda cryptogram: check_cryptogram(cryptogram, self._clock.now()),
        )

    async def lifecycle(self, token_reference: TokenReference, action: LifecycleAction, reason: str) -> None:
        await self._ask(self._lifecycle, lambda: self._inner.lifecycle(token_reference, action, reason), _anything)

    async def get(self, token_reference: TokenReference) -> TokenView:
        return await self._ask(
            self._get, lambda: self._inner.get(token_reference), lambda view: check_view(token_reference, view)
        )

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        return await self._ask(
            self._close_enrolment, lambda: self._inner.close_enrolment(enrolment_id), check_reference
        )

    async def close(self) -> None:
        await self._inner.close()

    async def _ask(self, circuit: Circuit, ask: Callable[[], Awaitable[T]], check: Callable[[T], object]) -> T:
        trial = circuit.admit()
        try:
            answer = await self._deadline.keep(ask())
            check(answer)
        except Exception as error:
            report = circuit.answered if isinstance(error, _SAYS_NOTHING_OF_OTHERS) else circuit.failed
            report(trial=trial)
            raise self._told(error) from error
        except BaseException:
            circuit.left(trial=trial)
            raise
        circuit.answered(trial=trial)
        return answer

    def _told(self, error: Exception) -> VaultError:
        """Say what happened in words of ours: a foreign message may quote a card number."""
        if isinstance(error, (*_CALLERS_OWN, TokenServiceUnavailableError)):
            return error
        if isinstance(error, VaultError):
            message = "; ".join(part for part in (error.message, error.hint) if part)
        elif isinstance(error, TimeoutError):
            message = f"no answer within {self._deadline.seconds} s"
        else:
            message = type(error).__name__
        return TokenServiceUnavailableError(hint=f"{self.tsp_id}: {message}")


def _anything(_answer: object) -> None:
    """Find nothing to look at."""
