"""Rate limits: how often a merchant may call an operation in a sliding minute, and the four headers that say so.

Authenticated calls spend the merchant's budget for their operation (`app_id`). Calls that fail to authenticate spend
the budget of the address they came from (`ip`), so guessing cannot spend a merchant's budget. From an address whose
budget is used up, only known credentials are checked (`known_credentials`): guessing is cheap to refuse, and does not
lock out the merchants who share the address.

A merchant's own limits are cached for a second, so a change counts after a second at the latest. Processes that serve
one vault share merchants' limits (`vault/rate_leases`); each process counts addresses for itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from tokenvault_contract.operations import (
    DELETE_INSTRUMENT,
    ENROL_INSTRUMENT,
    FETCH_CRYPTOGRAM,
    FETCH_INSTRUMENT,
    FETCH_INSTRUMENTS,
    Operation,
)
from tokenvault_server.api.shared_windows import SharedWindows
from tokenvault_server.api.windows import MAX_WINDOWS, Window, Windows, drop_oldest
from tokenvault_server.domain.addresses import budget_holder
from tokenvault_server.domain.clock import MINUTE, SECOND, Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import RateLimitedError
from tokenvault_server.vault.rate_leases import RateLeases
from tokenvault_server.vault.rate_limits import OwnLimits

Scope = Literal["app_id", "ip"]

MAX_CACHED: Final = 10_000
"""How many merchants' limits, and how many client ids, a process caches."""
_UNLIMITED: Final = 1_000_000


class Rate(NamedTuple):
    """The state of a caller's budget, as the four headers report it."""

    limit: int
    remaining: int
    retry: int
    """Seconds to wait; 0 while within the limit."""
    scope: Scope


@dataclass(frozen=True, slots=True)
class Budgets:
    """Calls per minute: for each operation and merchant, and for each address that does not authenticate."""

    per_operation: dict[str, int] = field(
        default_factory=lambda: {
            FETCH_INSTRUMENTS.key: 200,
            FETCH_INSTRUMENT.key: 200,
            FETCH_CRYPTOGRAM.key: 200,
            DELETE_INSTRUMENT.key: 100,
            ENROL_INSTRUMENT.key: 100,
        }
    )
    per_address: int = 200
    unlimited: bool = False


_UNLIMITED_RATE: Final = Rate(_UNLIMITED, _UNLIMITED, 0, "app_id")
_UNLIMITED_ADDRESS: Final = Rate(_UNLIMITED, _UNLIMITED, 0, "ip")


class _CachedLimits:
    """The limits of one merchant, and when they were read."""

    __slots__ = ("limits", "read_at")

    def __init__(self, limits: dict[str, int], read_at: int) -> None:
        self.limits = limits
        self.read_at = read_at


class RateLimits:
    """The windows of one process, and its share of the limits that several processes share."""

    def __init__(
        self,
        budgets: Budgets,
        own: OwnLimits | None,
        clock: Clock,
        leases: RateLeases | None = None,
        *,
        max_cached: int = MAX_CACHED,
        max_windows: int = MAX_WINDOWS,
    ) -> None:
        """Count against `budgets`, or a merchant's own limits in `own`; share them with other processes by `leases`."""
        self._budgets = budgets
        self._own = own
        self._clock = clock
        self._max_cached = max_cached
        self._cache: OrderedDict[MerchantId, _CachedLimits] = OrderedDict()
        # Two collections, so that many addresses cannot push out the windows of merchants.
        self._merchants = Windows(max_windows)
        self._shared = SharedWindows(leases, max_windows) if leases else None
        self._addresses = Windows(max_windows)
        self._all_have_budgets_at = 0
        """From when on no address can be exhausted."""

    async def merchant(self, merchant_id: MerchantId, operation: Operation) -> Rate:
        """Spend one of a merchant's calls of an operation; return its budget, exhausted or not."""
        if self._budgets.unlimited:
            return _UNLIMITED_RATE
        now = self._clock.now()
        cached = self._cache.get(merchant_id)
        if cached is None or not 0 <= now - cached.read_at < SECOND:
            cached = await self._read(merchant_id, now)
        limit = cached.limits[operation.key]
        if self._shared:
            return Rate(limit, *await self._shared.spend(merchant_id, operation.key, limit, now), "app_id")
        key = (merchant_id, operation.key)
        window = self._merchants.get(key) or self._merchants.open(key)
        return _spend(window, limit, now, "app_id")

    def address(self, origin: str) -> Rate:
        """Return the budget of an address without spending any."""
        if self._budgets.unlimited:
            return _UNLIMITED_ADDRESS
        limit = self._budgets.per_address
        window = self._addresses.get(("ip", budget_holder(origin)))
        spent = window.slide(self._clock.now()) if window else 0
        return Rate(limit, max(0, limit - spent), 0, "ip")

    def exhausted(self, origin: str) -> Rate | None:
        """Return the budget of an address if it is used up, else None; nothing is spent."""
        now = self._clock.now()
        if now >= self._all_have_budgets_at:
            return None  # nearly always, so that this costs served calls next to nothing
        limit = self._budgets.per_address
        window = self._addresses.get(("ip", budget_holder(origin)))
        if window is None or window.slide(now) < limit:
            return None
        return Rate(limit, 0, window.seconds_to_wait(now), "ip")

    def refuse(self, origin: str) -> Rate:
        """Spend one of an address's calls because it did not authenticate; return its budget."""
        if self._budgets.unlimited:
            return _UNLIMITED_ADDRESS
        now = self._clock.now()
        rate = _spend(self._addresses.open(("ip", budget_holder(origin))), self._budgets.per_address, now, "ip")
        if not rate.remaining:
            self._all_have_budgets_at = now + MINUTE
        return rate

    def forget(self) -> None:
        """Forget every call and every limit that was read, because an emulator begins anew."""
        self._cache.clear()
        self._merchants.clear()
        self._addresses.clear()
        self._all_have_budgets_at = 0

    async def sweep(self) -> None:
        """Drop the windows without a call in the last minute."""
        for windows in (self._merchants, self._addresses, self._shared):
            for _ in windows.sweep(self._clock.now) if windows else ():
                await asyncio.sleep(0)

    async def _read(self, merchant_id: MerchantId, now: int) -> _CachedLimits:
        """Read a merchant's own limits and cache them for a second."""
        own = await self._own.of(merchant_id) if self._own else {}
        cached = self._cache[merchant_id] = _CachedLimits({**self._budgets.per_operation, **own}, now)
        if len(self._cache) > self._max_cached:
            drop_oldest(self._cache)
        return cached


def _spend(window: Window, limit: int, now: int, scope: Scope) -> Rate:
    """Count one call; a call that is one too many spends nothing."""
    spent = window.slide(now)
    if spent >= limit:
        return Rate(limit, 0, window.seconds_to_wait(now), scope)
    window.count(now, limit)
    return Rate(limit, limit - spent - 1, 0, scope)


def check(rate: Rate) -> None:
    """Raise RateLimitedError when the call that gave this rate was one too many."""
    if rate.retry:
        raise RateLimitedError
