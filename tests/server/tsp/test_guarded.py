"""The guard answers in time, and passes on only errors that callers may see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from tests.server.tsp.environment import VISA, Environment, FrozenClock, a_request, key, presenting
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentInactiveError,
    InvalidFieldError,
    KeyUnavailableError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
)
from tokenvault_server.tsp.events import InboxEvent, TokenStatus
from tokenvault_server.tsp.guarded import Deadlines, GuardedTokenService
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.verification import Outcome
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


class Failing:
    """A provider whose verbs all run one action."""

    tsp_id = "failing"
    capabilities = LocalTokenService.capabilities

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self.act = act
        self.closed = False

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        await self.act()
        raise AssertionError

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        await self.act()
        raise AssertionError

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        await self.act()
        raise AssertionError

    async def get(self, key: TokenKey) -> TokenView:
        await self.act()
        raise AssertionError

    async def close_enrolment(self, enrolment_id: str) -> str | None:
        await self.act()
        raise AssertionError

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        await self.act()
        raise AssertionError

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        await self.act()

    async def health(self) -> None:
        await self.act()

    async def sweep(self) -> None:
        await self.act()

    async def close(self) -> None:
        self.closed = True


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        raise error

    return act


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def guarding(provider: TokenServiceProvider) -> GuardedTokenService:
    return GuardedTokenService(provider, FrozenClock())


def ask(provider: TokenServiceProvider) -> TokenGrant:
    return asyncio.run(_provision(provider))


async def _provision(provider: TokenServiceProvider) -> TokenGrant:
    return await provider.provision(a_request())


@pytest.mark.parametrize(
    "error",
    [
        CardNotSupportedError(),
        InvalidFieldError("card_expiry"),
        InstrumentInactiveError(),
        TokenServiceUnavailableError(),
        UnusableAnswerError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_for_the_caller_are_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)) as passed:
        ask(guarding(Failing(raising(error))))
    assert passed.value is error


def test_a_foreign_error_becomes_unavailable_without_its_message() -> None:
    with pytest.raises(TokenServiceUnavailableError) as refused:
        ask(guarding(Failing(raising(RuntimeError(f"connection lost while sending {VISA}")))))
    assert refused.value.hint == "failing: RuntimeError"


def test_a_failure_of_our_own_becomes_unavailable_and_keeps_its_hint() -> None:
    error = KeyUnavailableError(hint="key 4 is not in the key table")
    with pytest.raises(TokenServiceUnavailableError) as refused:
        ask(guarding(Failing(raising(error))))
    assert "key 4 is not in the key table" in refused.value.hint


def test_a_provider_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(TokenServiceUnavailableError) as refused:
        ask(GuardedTokenService(Failing(forever), FrozenClock(), Deadlines().within(0.001)))
    assert "0.001 s" in refused.value.hint


def test_a_cancellation_is_not_an_error_of_the_provider() -> None:
    with pytest.raises(asyncio.CancelledError):
        ask(guarding(Failing(raising(asyncio.CancelledError()))))


@pytest.mark.parametrize(
    "verb", ["cryptogram", "lifecycle", "get", "close_enrolment", "events", "acknowledge", "health"]
)
def test_every_verb_is_guarded(verb: str) -> None:
    guarded = guarding(Failing(raising(OSError())))
    calls: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "cryptogram": lambda: guarded.cryptogram(key("tok"), CryptogramContext()),
        "lifecycle": lambda: guarded.lifecycle(key("tok"), LifecycleAction.DELETE, ""),
        "get": lambda: guarded.get(key("tok")),
        "close_enrolment": lambda: guarded.close_enrolment("out"),
        "events": lambda: guarded.events("", 1),
        "acknowledge": lambda: guarded.acknowledge(["1"]),
        "health": guarded.health,
    }
    with pytest.raises(TokenServiceUnavailableError):
        asyncio.run(calls[verb]())


def test_closing_the_guard_closes_the_provider() -> None:
    inner = Failing(forever)
    asyncio.run(guarding(inner).close())
    assert inner.closed


def test_the_local_service_works_behind_the_guard(environment: Environment) -> None:
    guarded = GuardedTokenService(environment.service, environment.clock)
    grant = environment.run(guarded.provision(a_request()))
    cryptogram = environment.run(guarded.cryptogram(key(grant.token_reference), CryptogramContext()))
    assert environment.verify(presenting(cryptogram)) is Outcome.VERIFIED
    environment.run(guarded.lifecycle(key(grant.token_reference), LifecycleAction.SUSPEND, "lost"))
    assert environment.run(guarded.get(key(grant.token_reference))).status is TokenStatus.SUSPENDED
    assert guarded.tsp_id == "local"


def test_a_database_that_fails_is_an_unavailable_service(environment: Environment) -> None:
    environment.run(environment.service.close())
    with pytest.raises(TokenServiceUnavailableError):
        environment.run(GuardedTokenService(environment.service, environment.clock).provision(a_request()))
