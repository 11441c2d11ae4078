"""Limits that several processes share: each leases calls in blocks, and lets them through without asking again.

A block counts against the limit from the moment it is leased, for a minute, whether it is used or not. A process may
use what it leased until that minute ends, so within any minute the processes together let through at most one block
each beyond the limit; what a process leased and did not use is nobody else's until then, also when it crashed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.store import rate_windows as store
from tokenvault_server.store.rate_windows import RateLease

BLOCKS: Final = 40
"""A block is this part of a limit: the more parts, the smaller the overshoot and the more often the store is asked."""


class Grant(NamedTuple):
    """What a process got."""

    calls: int
    """How many calls it may let through; none when everything is leased."""
    free: int
    """How many nobody had leased afterwards."""
    changes_at: int
    """When the oldest lease ends, which gives its calls back."""


class RateLeases:
    """Leases calls of merchants' limits to processes."""

    def __init__(self, engine: Engine) -> None:
        """Keep account in `engine`."""
        self._engine = engine

    async def take(self, merchant_id: MerchantId, operation: str, limit: int, now: int) -> Grant:
        """Lease a block, or what is left of the limit."""
        return await self._engine.commit(lambda: _take(merchant_id, operation, limit, now))


def block_of(limit: int) -> int:
    """Give how many calls of a limit are leased at once."""
    return max(1, limit // BLOCKS)


def _take(merchant_id: MerchantId, operation: str, limit: int, now: int) -> Work[Grant]:
    leases = [lease for lease in (yield from store.hold(merchant_id, operation)) if _counts(lease, now)]
    free = max(0, limit - sum(lease.calls for lease in leases))
    calls = min(block_of(limit), free)
    if calls:
        leases.append(RateLease(now, calls))
        yield store.write(merchant_id, operation, leases)
    return Grant(calls, free - calls, min(lease.leased_at for lease in leases) + MINUTE)


def _counts(lease: RateLease, now: int) -> bool:
    """Tell whether a lease is younger than a minute; one from the far future is what a clock set back has left."""
    return now - MINUTE < lease.leased_at <= now + MINUTE
