"""The calls that this process may let through, of limits that several processes share.

A process leases calls from the store in blocks and spends them in memory, so most calls ask no database. When a lease
grants nothing, the process refuses calls until the store can have changed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tokenvault_server.api.windows import LONGEST_WAIT, SWEPT_AT_ONCE, WindowKey, batches, drop_oldest
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.store.rate_windows import RateLease
from tokenvault_server.vault.rate_leases import RateLeases


@dataclass(slots=True)
class _Share:
    """The part of one limit that this process holds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a block is leased, so that calls that wait for it lease once."""
    limit: int = 0
    """The limit of which the calls were leased."""
    left: int = 0
    """Leased calls that are not spent."""
    free: int = 0
    """Calls that no process held at the last lease."""
    until: int = 0
    """When the leased calls end."""
    denied_until: int = 0
    """Until when calls are refused without asking the store."""
    changes_at: int = 0
    """When the oldest spent call returns to the limit."""

    def has_calls(self, limit: int, now: int) -> bool:
        """Tell whether a call can be let through. Calls that were leased of another limit are not spent."""
        return self.left > 0 and now < self.until and limit == self.limit

    def is_denied(self, limit: int, now: int) -> bool:
        """Tell whether a call is refused without asking the store."""
        return now < self.denied_until and limit == self.limit

    def unspent(self) -> RateLease | None:
        """Return the part of the last lease that is not spent, or None."""
        return RateLease(self.until - MINUTE, self.left) if self.left else None


class SharedWindows:
    """Spends leased calls, and leases more when they are spent."""

    def __init__(self, leases: RateLeases, max_shares: int) -> None:
        """Lease from `leases`, for up to `max_shares` merchants and operations; the oldest share goes first."""
        self._leases = leases
        self._max_shares = max_shares
        self._shares: OrderedDict[WindowKey, _Share] = OrderedDict()

    async def spend(self, merchant_id: MerchantId, operation: str, limit: int, now: int) -> tuple[int, int]:
        """Count one call; return the calls left after it, and the seconds to wait if it was one too many.

        The calls left are a lower bound: what other processes held at the last lease counts as spent.
        """
        share = self._share((merchant_id, operation))
        while True:
            # 1. Spend a leased call.
            if share.has_calls(limit, now):
                share.left -= 1
                return share.left + share.free, 0
            # 2. Refuse when there is a reason to.
            if share.is_denied(limit, now):
                return 0, max(1, min(-((now - share.changes_at) // SECOND), LONGEST_WAIT))
            # 3. Lease a block, and look again: other calls may spend it before this one runs on.
            await self._renew(share, merchant_id, operation, limit, now)

    async def _renew(self, share: _Share, merchant_id: MerchantId, operation: str, limit: int, now: int) -> None:
        """Lease a block, once for all calls that wait for it. After a change of the limit, return what is unspent."""
        async with share.lock:
            if share.has_calls(limit, now) or share.is_denied(limit, now):
                return  # another call leased it while this one waited for the lock
            unspent, share.left = share.unspent(), 0  # spent by nobody from here on, even if the lease fails
            grant = await self._leases.take(merchant_id, operation, limit, now, unspent)
            share.limit, share.left, share.free, share.until = limit, grant.calls, grant.free, now + MINUTE
            share.changes_at = grant.changes_at
            # No call returns sooner. An operator may raise the limit, though: ask again after a second.
            share.denied_until = now if grant.calls else min(grant.changes_at, now + SECOND)

    def sweep(self, now: Callable[[], int]) -> Iterator[None]:
        """Drop the shares that ended; yield after each batch, so that calls can run."""
        for keys in batches(self._shares, SWEPT_AT_ONCE):
            at = now()
            for key in keys:
                share = self._shares.get(key)
                if share is not None and share.until <= at and not share.lock.locked():
                    del self._shares[key]
            yield

    def _share(self, key: WindowKey) -> _Share:
        share = self._shares.get(key)
        if share is None:
            if len(self._shares) >= self._max_shares:
                drop_oldest(self._shares)
            share = self._shares[key] = _Share()
        return share
