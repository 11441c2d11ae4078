"""Every kind of sealed record of the vault, for an inspection."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.queries import Query

SQL = queries.load("tokenvault_server.store", "samples.sql")
PAGE = 1_000


async def sealed(engine: Engine, read: Query, owner: str, record_id: str) -> bytes | None:
    """Return one sealed record, or None when the row is gone or has none any more."""
    rows = await engine.read(read(merchant_id=owner, record_id=record_id))
    return rows[0][0] if rows else None


async def merchants_without_key(engine: Engine, purpose: str) -> AsyncIterator[str]:
    """Yield the merchants that have no active key of a purpose."""
    after = ""
    while page := await engine.read(SQL["merchants_without_key"](after=after, purpose=purpose, limit=PAGE)):
        for (merchant_id,) in page:
            yield merchant_id
        after = page[-1][0]
