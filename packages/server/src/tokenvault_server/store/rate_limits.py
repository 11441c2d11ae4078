"""Merchants' own limits, as rows. A limit that is the vault's own has no row."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "rate_limits.sql")


class OwnLimit(NamedTuple):
    """How many calls of an operation a merchant may make in a minute."""

    merchant_id: MerchantId
    operation: str
    per_minute: int


def set_limit(limit: OwnLimit) -> Statement:
    """Set a merchant's own limit for an operation."""
    return SQL["set_limit"](merchant_id=limit.merchant_id, operation=limit.operation, per_minute=limit.per_minute)


def clear_limit(merchant_id: MerchantId, operation: str) -> Statement:
    """Delete a merchant's own limit for an operation, if it has one."""
    return SQL["clear_limit"](merchant_id=merchant_id, operation=operation)


async def of_merchant(engine: Engine, merchant_id: MerchantId) -> dict[str, int]:
    """Return a merchant's own limits by operation."""
    rows = await engine.read(SQL["limits_of_merchant"](merchant_id=merchant_id))
    return dict(rows)


async def list_all(engine: Engine) -> list[OwnLimit]:
    """Return every merchant's own limits."""
    return [OwnLimit(*row) for row in await engine.read(SQL["list_limits"]())]
