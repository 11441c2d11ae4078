"""Rate limits that several processes share: each process leases calls in blocks.

1. A process that has no leased call left asks the database for a block, which is a fortieth of the limit.
2. The transaction locks the limit's row, drops the leases that are older than a minute, and adds a lease if the others
   leave room for one.
3. The process admits the leased calls without asking again, until the minute after the lease ends.

A block counts against the limit for a minute from the moment it is leased, whether it is used or not. So within any
minute all processes together admit at most one block each beyond the limit. Calls that a process leased and did not use
are free again after that minute, also when the process crashed. A process that finds the limit changed returns the
calls of its last lease that it did not use, and leases of the new limit.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.store import rate_windows as store
from tokenvault_server.store.rate_windows import RateLease

BLOCKS: Final = 40
"""How many blocks a limit has. More blocks mean a smaller overshoot, and more transactions."""


class Grant(NamedTuple):
    """The answer to a process that asked for a block."""

    calls: int
    """How many calls the process may admit; 0 when all are leased."""
    free: int
    """How many calls are not leased after this grant."""
    changes_at: int
    """When the oldest lease ends, which makes its calls free."""


class RateLeases:
    """Leases calls of merchants' limits to processes."""

    def __init__(self, engine: Engine) -> None:
        """Store the leases in `engine`."""
        self._engine = engine

    async def take(
        self, merchant_id: MerchantId, operation: str, limit: int, now: int, unspent: RateLease | None = None
    ) -> Grant:
        """Lease a block, or the rest of the limit if that is less; first return the unspent part of a lease."""
        return await self._engine.commit(lambda: _take(merchant_id, operation, limit, now, unspent))


def block_of(limit: int) -> int:
    """Return how many calls of a limit are leased at once."""
    return max(1, limit // BLOCKS)


def _take(merchant_id: MerchantId, operation: str, limit: int, now: int, unspent: RateLease | None) -> Work[Grant]:
    # The row stays locked until the commit, so that two processes cannot lease the same calls.
    stored = yield from store.lock(merchant_id, operation)
    leases = [lease for lease in _without(stored, unspent) if _counts(lease, now)]
    # A limit that was lowered may be below what is leased already.
    free = max(0, limit - sum(lease.calls for lease in leases))
    calls = min(block_of(limit), free)
    if calls:
        leases.append(RateLease(now, calls))
    if calls or unspent:
        yield store.write(merchant_id, operation, leases)
    return Grant(calls, free - calls, min(lease.leased_at for lease in leases) + MINUTE)


def _without(leases: list[RateLease], unspent: RateLease | None) -> list[RateLease]:
    """Take the unspent calls out of a lease of that moment. It does not matter which process has that lease."""
    for number, lease in enumerate(leases):
        if unspent and lease.leased_at == unspent.leased_at and lease.calls >= unspent.calls:
            kept = [lease._replace(calls=lease.calls - unspent.calls)] if lease.calls > unspent.calls else []
            return [*leases[:number], *kept, *leases[number + 1 :]]
    return leases


def _counts(lease: RateLease, now: int) -> bool:
    """Return whether a lease is younger than a minute.

    A lease that begins more than a minute from now was made before a clock was set back, and does not count.
    """
    return now - MINUTE < lease.leased_at <= now + MINUTE
