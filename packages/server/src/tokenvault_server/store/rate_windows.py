"""The leases of limits that several processes share: one row for each merchant and operation."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "rate_windows.sql")


class RateLease(NamedTuple):
    """A block of calls that one process may admit."""

    leased_at: int
    calls: int


def lock(merchant_id: MerchantId, operation: str) -> Work[list[RateLease]]:
    """Return the leases of a limit, oldest first, and lock them until this transaction ends."""
    ((leases,),) = yield SQL["lock_window"](merchant_id=merchant_id, operation=operation)
    return [RateLease(*map(int, lease.split(":"))) for lease in leases.split()]


def write_probe() -> Statement:
    """Write to a row of no merchant, to find out whether the database can be written."""
    return SQL["write_probe"]()


def write(merchant_id: MerchantId, operation: str, leases: list[RateLease]) -> Statement:
    """Replace the leases of a limit."""
    text = " ".join(f"{lease.leased_at}:{lease.calls}" for lease in leases)
    return SQL["write_window"](merchant_id=merchant_id, operation=operation, leases=text)
