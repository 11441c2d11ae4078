"""A guard around a token service provider: a deadline and a circuit breaker for each verb, and checked answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
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
from tokenvault_server.tsp.answers import check_cryptogram, check_grant, check_reference, check_result, check_view
from tokenvault_server.tsp.circuit import Circuit, Watcher
from tokenvault_server.tsp.deadline import Deadline
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

# Errors that concern one call alone. The caller receives them unchanged.
_PASSED_ON = (CardNotSupportedError, InstrumentInactiveError, InvalidFieldError, UnusableAnswerError)
# Errors that a circuit breaker does not count, because they say nothing about other calls.
_NOT_A_FAILURE = (*_PASSED_ON, SealBrokenError)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a provider may take for each verb, in seconds.

    A payment waits for a cryptogram, so `cryptogram` has the shortest deadline. The network asks the issuer while a
    card is tokenised, so `provision` has the longest. Every deadline ends before the lease of an idempotency key does
    (60 s).
    """

    cryptogram: float = 3
    get: float = 5
    lifecycle: float = 5
    close_enrolment: float = 10
    events: float = 5
    health: float = 5
    provision: float = 20

    def within(self, seconds: float) -> Deadlines:
        """Return the same deadlines, none of them longer than this."""
        return Deadlines(*(min(seconds, getattr(self, verb)) for verb in self.__slots__))


class Verb:
    """The deadline and the circuit breaker of one verb."""

    __slots__ = ("circuit", "deadline", "name")

    def __init__(self, tsp_id: str, verb: str, seconds: float, clock: Clock) -> None:
        self.name = verb
        self.circuit = Circuit(f"{tsp_id}.{verb}", clock)
        self.deadline = Deadline(seconds)


class GuardedTokenService:
    """A provider whose unexpected failures are all `TokenServiceUnavailableError`, and whose answers are checked."""

    def __init__(self, inner: TokenServiceProvider, clock: Clock, deadlines: Deadlines | None = None) -> None:
        """Guard `inner`."""
        deadlines = deadlines or Deadlines()
        self._inner = inner
        self._clock = clock
        self._provision = Verb(inner.tsp_id, "provision", deadlines.provision, clock)
        self._cryptogram = Verb(inner.tsp_id, "cryptogram", deadlines.cryptogram, clock)
        self._lifecycle = Verb(inner.tsp_id, "lifecycle", deadlines.lifecycle, clock)
        self._get = Verb(inner.tsp_id, "get", deadlines.get, clock)
        self._close_enrolment = Verb(inner.tsp_id, "close_enrolment", deadlines.close_enrolment, clock)
        self._events = Verb(inner.tsp_id, "events", deadlines.events, clock)
        self._health = Deadline(deadlines.health)

    @property
    def tsp_id(self) -> str:
        """The name of the guarded provider."""
        return self._inner.tsp_id

    @property
    def capabilities(self) -> Capabilities:
        """What the guarded provider can do."""
        return self._inner.capabilities

    @property
    def circuits(self) -> Iterator[Circuit]:
        """The circuit breaker of each verb."""
        verbs = (self._provision, self._cryptogram, self._lifecycle, self._get, self._close_enrolment, self._events)
        return (verb.circuit for verb in verbs)

    def watch(self, watcher: Watcher) -> None:
        """Report the present state of each circuit breaker, and every change of state."""
        for circuit in self.circuits:
            watcher(circuit.name, circuit.state)
            circuit.watchers.append(watcher)

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._ask(
            self._provision,
            lambda: self._inner.provision(request),
            lambda grant: check_grant(request, grant, self._clock.now()),
        )

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return await self._ask(
            self._cryptogram,
            lambda: self._inner.cryptogram(key, context),
            lambda cryptogram: check_cryptogram(cryptogram, self._clock.now()),
        )

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        return await self._ask(self._lifecycle, lambda: self._inner.lifecycle(key, action, reason), check_result)

    async def get(self, key: TokenKey) -> TokenView:
        return await self._ask(
            self._get,
            lambda: self._inner.get(key),
            lambda view: check_view(key.reference, view, self._clock.now()),
        )

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        return await self._ask(
            self._close_enrolment, lambda: self._inner.close_enrolment(enrolment_id), check_reference
        )

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        """Return a page of the inbox. Its events are checked one by one when they are applied."""
        return await self._ask(self._events, lambda: self._inner.events(after, limit), _unchecked)

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        await self._ask(self._events, lambda: self._inner.acknowledge(event_ids), _unchecked)

    async def health(self) -> None:
        """Return if the provider could answer now. No circuit breaker is asked, because it only knows the past."""
        try:
            await self._health.keep(self._inner.health())
        except Exception as error:
            raise self._translated(error, self._health) from error

    async def sweep(self) -> None:
        """Let the provider delete what it no longer needs, without a deadline."""
        await self._inner.sweep()

    async def close(self) -> None:
        await self._inner.close()

    async def _ask(self, verb: Verb, ask: Callable[[], Awaitable[T]], check: Callable[[T], object]) -> T:
        circuit = verb.circuit
        trial = circuit.admit()
        try:
            answer = await verb.deadline.keep(ask())
            check(answer)
        except Exception as error:
            report = circuit.answered if isinstance(error, _NOT_A_FAILURE) else circuit.failed
            report(trial=trial)
            raise self._translated(error, verb.deadline) from error
        except BaseException:
            circuit.abandoned(trial=trial)
            raise
        circuit.answered(trial=trial)
        return answer

    def _translated(self, error: Exception, deadline: Deadline) -> VaultError:
        """Return an error with a message of our own: a message of a provider may quote a card number."""
        if isinstance(error, (*_PASSED_ON, TokenServiceUnavailableError)):
            return error
        if isinstance(error, VaultError):
            message = "; ".join(part for part in (error.message, error.hint) if part)
        elif isinstance(error, TimeoutError):
            message = f"no answer within {deadline.seconds} s"
        else:
            message = type(error).__name__
        return TokenServiceUnavailableError(hint=f"{self.tsp_id}: {message}")


def _unchecked(_answer: object) -> None:
    """Accept an answer that needs no check."""
