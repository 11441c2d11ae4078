"""How often a merchant may call an operation: an exact sliding minute, and its four headers on every answer.

Authenticated calls spend the merchant's budget for their operation (`app_id`). Calls that fail to authenticate spend
the budget of the address they came from (`ip`), so nobody can spend a merchant's by guessing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tokenvault_contract.operations import (
    DELETE_INSTRUMENT,
    ENROL_INSTRUMENT,
    FETCH_CRYPTOGRAM,
    FETCH_INSTRUMENT,
    FETCH_INSTRUMENTS,
    Operation,
)
from tokenvault_server.domain.clock import MINUTE, SECOND, Clock
from tokenvault_server.errors import RateLimitedError

Scope = Literal["app_id", "ip"]
_Windows = OrderedDict[tuple[str, str], deque[int]]

_MAX_WINDOWS = 50_000
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


class RateLimits:
    """The windows of one process."""

    def __init__(self, budgets: Budgets, clock: Clock) -> None:
        """Count against `budgets`."""
        self._budgets = budgets
        self._clock = clock
        # Apart, so that many addresses cannot push out the windows of merchants.
        self._merchants: _Windows = OrderedDict()
        self._addresses: _Windows = OrderedDict()

    def address(self, origin: str) -> Rate:
        """Give where an address stands, without spending anything."""
        limit = self._limit(self._budgets.per_address)
        window = self._addresses.get(("ip", origin))
        spent = self._live(window) if window else 0
        return Rate(limit, max(0, limit - spent), 0, "ip")

    def refuse(self, origin: str) -> Rate:
        """Spend one of an address's calls because it did not authenticate; RateLimitedError when none is left."""
        return self._spend(self._addresses, ("ip", origin), self._limit(self._budgets.per_address), "ip")

    def merchant(self, merchant_id: str, operation: Operation) -> Rate:
        """Spend one of a merchant's calls of an operation; give where it stands, exhausted or not."""
        limit = self._limit(self._budgets.per_operation[operation.key])
        return self._spend(self._merchants, (merchant_id, operation.key), limit, "app_id")

    def _limit(self, limit: int) -> int:
        return _UNLIMITED if self._budgets.unlimited else limit

    def _spend(self, windows: _Windows, place: tuple[str, str], limit: int, scope: Scope) -> Rate:
        if self._budgets.unlimited:
            return Rate(limit, limit, 0, scope)
        now = self._clock.now()
        window = windows.get(place)
        if window is None:
            window = _open(windows, place)
        spent = self._live(window, now)
        if spent >= limit:
            oldest = window[0] if window else now
            return Rate(limit, 0, -((now - oldest - MINUTE) // SECOND), scope)
        window.append(now)
        return Rate(limit, limit - spent - 1, 0, scope)

    def _live(self, window: deque[int], now: int | None = None) -> int:
        """Drop what is older than a minute and give how many calls are left in the window."""
        horizon = (self._clock.now() if now is None else now) - MINUTE
        while window and window[0] <= horizon:
            window.popleft()
        return len(window)


def _open(windows: _Windows, place: tuple[str, str]) -> deque[int]:
    """Begin a window; the one that was begun first goes when there are too many."""
    if len(windows) >= _MAX_WINDOWS:
        windows.popitem(last=False)
    window = windows[place] = deque()
    return window


def check(rate: Rate) -> None:
    """Raise RateLimitedError when the call that gave this rate was one too many."""
    if rate.retry:
        raise RateLimitedError
