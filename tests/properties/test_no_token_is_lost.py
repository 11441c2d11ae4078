"""After any failure, once the outbox tasks have run, the provider's tokens are exactly those of the saved cards.

The same saves and deletes are repeated, and each time the database or the provider fails at another point: before it
acts, or after it has acted, so that only its answer is lost. A vault that is killed leaves the same state as one in
which every later step fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import pytest

from tests.support.builders import VISA, a_caller, a_deleted_card, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.engines import Around
from tests.support.second_tsp import SecondTsp
from tests.support.tsp import behind
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import StoreError, VaultError
from tokenvault_server.tsp.around import AroundTokenService
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.provider import (
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenServiceProvider,
)

T = TypeVar("T")

MOST_ROUNDS = 20

Action = Callable[[], Awaitable[object]]


class FailurePoints:
    """Counts the points at which a call can fail, and fails or runs another action at some of them."""

    def __init__(self, failing: range, meanwhile: Action | None = None) -> None:
        self._failing = failing
        self._meanwhile = meanwhile
        self.count = 0

    async def reach(self, error: Exception) -> None:
        """Count one point; raise `error` or run the action if this point is one of the chosen ones."""
        self.count += 1
        if self.count not in self._failing:
            return
        if self._meanwhile is None:
            raise error
        await self._meanwhile()


class FailingStore(Around):
    """A database that fails before it commits, or after."""

    def __init__(self, inner: Engine, points: FailurePoints) -> None:
        super().__init__(inner)
        self._points = points

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        await self._points.reach(StoreError("away"))
        result = await super().commit(body)
        await self._points.reach(StoreError("away before it answered"))
        return result


class FailingProvider(AroundTokenService):
    """A provider that fails before it acts, or after."""

    def __init__(self, inner: TokenServiceProvider, points: FailurePoints) -> None:
        super().__init__(inner)
        self._points = points

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return await self._or_fail(super().provision(request))

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        return await self._or_fail(super().lifecycle(key, action, reason))

    async def close_enrolment(self, enrolment_id: str) -> str | None:
        return await self._or_fail(super().close_enrolment(enrolment_id))

    async def _or_fail(self, act: Awaitable[T]) -> T:
        try:
            await self._points.reach(OSError())
        except OSError:
            act.close()  # type: ignore[attr-defined]  # a coroutine that is never awaited warns
            raise
        result = await act
        await self._points.reach(OSError())
        return result


class Lifecycle:
    """Saves and deletes cards of one customer, and continues after failures."""

    def __init__(self, vault: Vault, caller: Caller, customer_id: str, clock: SettableClock) -> None:
        self._vault = vault
        self._caller = caller
        self._customer_id = CustomerId(customer_id)
        self._clock = clock

    async def run(self) -> None:
        """Save a card twice, delete both, save it again; outbox tasks run in between, earlier than usual."""
        await self._save()
        await self._save()
        await self._run_outbox_tasks(minutes=0)
        await self._delete_all()
        await self._save()
        await self._run_outbox_tasks(minutes=3)
        await self._delete_all()
        await self._run_outbox_tasks(minutes=0)
        await self._save()

    async def _save(self) -> None:
        for _ in range(2):  # a merchant repeats a call that failed or had no answer
            with suppress(VaultError):
                await a_saved_card(self._vault, self._caller, VISA, self._customer_id)
                return

    async def _delete_all(self) -> None:
        for card in await self._vault.instruments.fetch_all(self._caller, self._customer_id):
            with suppress(VaultError):
                await a_deleted_card(self._vault, self._caller, card)

    async def _run_outbox_tasks(self, minutes: int) -> None:
        self._clock.advance(minutes=minutes)
        with suppress(VaultError):
            await self._vault.outbox_tasks.run_due()


async def settle(vault: Vault, clock: SettableClock) -> None:
    """Run the outbox tasks until none is left."""
    for _ in range(MOST_ROUNDS):
        clock.advance(minutes=61)
        await vault.outbox_tasks.run_due()
        if await sql(vault.engine, "SELECT COUNT(*) FROM outbox") == [(0,)]:
            return
    raise AssertionError("some outbox tasks never finish")


@dataclass
class Local:
    """The built-in provider."""

    vault: Vault

    @property
    def provider(self) -> TokenServiceProvider:
        return self.vault.token_service

    async def tokens(self) -> set[str]:
        """Return the active tokens."""
        rows = await sql(self.vault.tsp_engine, "SELECT token_reference FROM tokens WHERE status = 'ACTIVE'")
        return {row[0] for row in rows}


@dataclass
class Second:
    """The provider that activates its tokens later."""

    provider: SecondTsp

    async def tokens(self) -> set[str]:
        """Return the tokens that are not deleted."""
        return {each.reference for each in self.provider.tokens.values() if each.status is not TokenStatus.DELETED}


@pytest.fixture(params=["local", "second"])
def tested(request: pytest.FixtureRequest, vault: Vault, clock: SettableClock) -> Local | Second:
    """Return the provider under test."""
    return Local(vault) if request.param == "local" else Second(SecondTsp(clock))


async def saved(vault: Vault) -> set[str]:
    """Return the tokens of all saved cards."""
    rows = await sql(
        vault.engine, "SELECT DISTINCT merchant_id, customer_id FROM instruments WHERE status <> 'DELETED'"
    )
    tokens = set()
    for merchant_id, customer_id in rows:
        cards = await vault.instruments.fetch_all(a_caller(MerchantId(merchant_id)), CustomerId(customer_id))
        tokens |= {card.secrets.token_reference for card in cards if card.secrets}
    return tokens


async def run_failing(
    vault: Vault,
    tested: Local | Second,
    caller: Caller,
    clock: SettableClock,
    name: str,
    failing: range,
    meanwhile: Action | None = None,
) -> int:
    """Run the lifecycle with failures; check that nothing is lost or left over; return its number of failure points."""
    points = FailurePoints(failing, meanwhile)
    broken = behind(vault, FailingStore(vault.engine, points), FailingProvider(tested.provider, points))
    await Lifecycle(broken, caller, name, clock).run()
    await settle(behind(vault, vault.engine, tested.provider), clock)
    assert await tested.tokens() == await saved(vault), name
    return points.count


@pytest.mark.parametrize("length", [1, 2, 3, 7])
async def test_after_a_failure_at_any_point_no_token_is_lost(
    vault: Vault, tested: Local | Second, caller: Caller, clock: SettableClock, length: int
) -> None:
    for first in count(1):
        points = await run_failing(vault, tested, caller, clock, f"{length}-from-{first}", range(first, first + length))
        if points < first:
            assert first > 20, "the lifecycle has become too short to prove anything"
            return


async def test_after_a_crash_at_any_point_no_token_is_lost(
    vault: Vault, tested: Local | Second, caller: Caller, clock: SettableClock
) -> None:
    for last in count(1):
        if await run_failing(vault, tested, caller, clock, f"until-{last}", range(last + 1, 10_000)) <= last:
            return


async def test_outbox_tasks_at_any_point_delete_no_token_of_a_card(
    vault: Vault, tested: Local | Second, caller: Caller, clock: SettableClock
) -> None:
    undisturbed = behind(vault, vault.engine, tested.provider)

    async def give_up_open_enrolments() -> None:
        for _ in range(2):
            clock.advance(minutes=3)
            await undisturbed.outbox_tasks.run_due()

    for point in count(1):
        points = await run_failing(
            vault, tested, caller, clock, f"outbox-at-{point}", range(point, point + 1), give_up_open_enrolments
        )
        if points < point:
            return
