"""How often a merchant may call an operation: an exact sliding minute, and its four headers on every answer.

Authenticated calls spend the merchant's budget for their operation (`app_id`). Calls that fail to authenticate spend
the budget of the address they came from (`ip`), so nobody can spend a merchant's by guessing; and right credentials are
accepted from an exhausted address, so nobody can lock out those who share it.

A merchant's own limits are remembered for a second: a change counts a second later at the latest. Where several
processes serve one vault they share merchants' limits (`vault/rate_leases`); addresses each process counts for itself.
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
from tokenvault_server.api.origins import budgeted
from tokenvault_server.api.shared_windows import SharedWindows
from tokenvault_server.api.windows import Window, Windows
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import RateLimitedError
from tokenvault_server.vault.rate_leases import RateLeases
from tokenvault_server.vault.rate_limits import OwnLimits

Scope = Literal["app_id", "ip"]

_REMEMBERED = 10_000
_UNLIMITED = 1_000_000


class Rate(NamedTuple):
    """Where a caller stands: what the four headers say."""

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


class _Known:
    """What a merchant's limits were when they were last read."""

    __slots__ = ("limits", "read_at")

    def __init__(self, limits: dict[str, int], read_at: int) -> None:
        self.limits = limits
        self.read_at = read_at


class RateLimits:
    """The windows of one process, and its share of those that it has in common with others."""

    def __init__(self, budgets: Budgets, own: OwnLimits | None, clock: Clock, leases: RateLeases | None = None) -> None:
        """Count against `budgets`, or against what a merchant has of its own in `own`; with others through `leases`."""
        self._budgets = budgets
        self._own = own
        self._clock = clock
        self._known: OrderedDict[MerchantId, _Known] = OrderedDict()
        # Apart, so that many addresses cannot push out the windows of merchants.
        self._merchants = Windows()
        self._shared = SharedWindows(leases) if leases else None
        self._addresses = Windows()

    async def merchant(self, merchant_id: MerchantId, operation: Operation) -> Rate:
        """Spend one of a merchant's calls of an operation; give where it stands, exhausted or not."""
        if self._budgets.unlimited:
            return _UNLIMITED_RATE
        now = self._clock.now()
        known = self._known.get(merchant_id)
        if known is None or not 0 <= now - known.read_at < SECOND:
            known = await self._read(merchant_id, now)
        limit = known.limits[operation.key]
        if self._shared:
            return Rate(limit, *await self._shared.spend(merchant_id, operation.key, limit, now), "app_id")
        place = (merchant_id, operation.key)
        window = self._merchants.get(place) or self._merchants.open(place)
        return _spend(window, limit, now, "app_id")

    def address(self, origin: str) -> Rate:
        """Give where an address stands, without spending anything."""
        if self._budgets.unlimited:
            return _UNLIMITED_ADDRESS
        limit = self._budgets.per_address
        window = self._addresses.get(("ip", budgeted(origin)))
        spent = window.slide(self._clock.now()) if window else 0
        return Rate(limit, max(0, limit - spent), 0, "ip")

    def refuse(self, origin: str) -> Rate:
        """Spend one of an address's calls because it did not authenticate; give where it stands."""
        if self._budgets.unlimited:
            return _UNLIMITED_ADDRESS
        window = self._addresses.open(("ip", budgeted(origin)))
        return _spend(window, self._budgets.per_address, self._clock.now(), "ip")

    async def sweep(self) -> None:
        """Let go of the windows of those who have not called for a minute."""
        for windows in (self._merchants, self._addresses, self._shared):
            for _ in windows.sweep(self._clock.now) if windows else ():
                await asyncio.sleep(0)

    async def _read(self, merchant_id: MerchantId, now: int) -> _Known:
        """Read a merchant's own limits, to be remembered for a second."""
        own = await self._own.of(merchant_id) if self._own else {}
        known = self._known[merchant_id] = _Known({**self._budgets.per_operation, **own}, now)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known


def _spend(window: Window, limit: int, now: int, scope: Scope) -> Rate:
    """Count one call, unless it is one too many: such a one spends nothing."""
    spent = window.slide(now)
    if spent >= limit:
        return Rate(limit, 0, window.seconds_to_wait(now), scope)
    window.count(now, limit)
    return Rate(limit, limit - spent - 1, 0, scope)


def check(rate: Rate) -> None:
    """Raise RateLimitedError when the call that gave this rate was one too many."""
    if rate.retry:
        raise RateLimitedError
