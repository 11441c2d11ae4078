"""The calls that this process may let through, of limits that it shares with others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from tokenvault_server.api.windows import LONGEST_WAIT, batches
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.vault.rate_leases import RateLeases

_MAX_PLACES: Final = 50_000


class _Share:
    """What this process holds of one limit."""

    __slots__ = ("changes_at", "denied_until", "free", "left", "lock", "until")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.left = 0
        self.free = 0
        self.until = 0
        self.denied_until = 0
        self.changes_at = 0

    def is_known(self, now: int) -> bool:
        """Tell whether a call can be let through or refused without asking the store."""
        return (self.left > 0 and now < self.until) or now < self.denied_until


class SharedWindows:
    """Spends leased calls, and leases more when they are spent."""

    def __init__(self, leases: RateLeases) -> None:
        """Lease from `leases`."""
        self._leases = leases
        self._shares: OrderedDict[tuple[str, str], _Share] = OrderedDict()

    async def spend(self, merchant_id: MerchantId, operation: str, limit: int, now: int) -> tuple[int, int]:
        """Count one call; give how many are left after it and, if it was one too many, the seconds to wait.

        What is left is told as of the last lease, with whatever other processes held by then counted as spent.
        """
        share = self._share((merchant_id, operation))
        while True:
            if not share.is_known(now):
                await self._renew(share, merchant_id, operation, limit, now)
            if share.left and now < share.until:
                share.left -= 1
                return share.left + share.free, 0
            if now < share.denied_until:
                return 0, max(1, min(-((now - share.changes_at) // SECOND), LONGEST_WAIT))

    async def _renew(self, share: _Share, merchant_id: MerchantId, operation: str, limit: int, now: int) -> None:
        """Lease a block, once for all calls that wait for it."""
        async with share.lock:
            if share.is_known(now):
                return
            grant = await self._leases.take(merchant_id, operation, limit, now)
            share.left, share.free, share.until = grant.calls, grant.free, now + MINUTE
            share.changes_at = grant.changes_at
            # Nothing comes back sooner, unless an operator raises the limit: that counts a second later.
            share.denied_until = 0 if grant.calls else min(grant.changes_at, now + SECOND)

    def sweep(self, now: Callable[[], int]) -> Iterator[None]:
        """Let go of what ended; pause now and then, for others."""
        for places in batches(self._shares):
            at = now()
            for place in places:
                share = self._shares.get(place)
                if share is not None and share.until <= at and not share.lock.locked():
                    del self._shares[place]
            yield

    def _share(self, place: tuple[str, str]) -> _Share:
        share = self._shares.get(place)
        if share is None:
            if len(self._shares) >= _MAX_PLACES:
                self._shares.popitem(last=False)
            share = self._shares[place] = _Share()
        return share
