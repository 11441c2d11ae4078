"""Merchants' own limits, as rows: only what differs from the vault's limits has one."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "rate_limits.sql")


class OwnLimit(NamedTuple):
    """How often a merchant may call an operation in a minute."""

    merchant_id: MerchantId
    operation: str
    per_minute: int


def set_limit(limit: OwnLimit) -> Statement:
    """Give a merchant a limit of its own, in place of the one it may have had."""
    return SQL["set_limit"](merchant_id=limit.merchant_id, operation=limit.operation, per_minute=limit.per_minute)


def clear_limit(merchant_id: MerchantId, operation: str) -> Statement:
    """Take a merchant's own limit of an operation away, if it has one."""
    return SQL["clear_limit"](merchant_id=merchant_id, operation=operation)


async def of_merchant(engine: Engine, merchant_id: MerchantId) -> dict[str, int]:
    """Give a merchant's own limits by operation."""
    rows = await engine.read(SQL["limits_of_merchant"](merchant_id=merchant_id))
    return dict(rows)


async def list_all(engine: Engine) -> list[OwnLimit]:
    """Give every merchant's own limits."""
    return [OwnLimit(*row) for row in await engine.read(SQL["list_limits"]())]
