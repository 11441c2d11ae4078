"""Merchants' own limits, as rows. A limit that is the vault's own has no row."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Rows
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.protected_row import Tagged
from tokenvault_server.domain.rate_limit import OwnLimit

SQL = queries.load("tokenvault_server.store", "rate_limits.sql")


def set_limit(limit: OwnLimit) -> Statement:
    """Set a merchant's own limit for an operation."""
    return SQL["set_limit"](merchant_id=limit.merchant_id, operation=limit.operation, per_minute=limit.per_minute)


def clear_limit(merchant_id: MerchantId, operation: str) -> Statement:
    """Delete a merchant's own limit for an operation, if it has one."""
    return SQL["clear_limit"](merchant_id=merchant_id, operation=operation)


async def of_merchant(engine: Engine, merchant_id: MerchantId) -> list[Tagged[OwnLimit]]:
    """Return a merchant's own limits."""
    return _limits(await engine.read(SQL["limits_of_merchant"](merchant_id=merchant_id)))


async def list_all(engine: Engine) -> list[Tagged[OwnLimit]]:
    """Return every merchant's own limits."""
    return _limits(await engine.read(SQL["list_limits"]()))


def _limits(rows: Rows) -> list[Tagged[OwnLimit]]:
    return [Tagged(OwnLimit(*columns), tag) for *columns, tag in rows]
