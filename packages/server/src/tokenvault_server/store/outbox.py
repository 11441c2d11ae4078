"""What the vault still has to tell somebody else, as rows."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "outbox.sql")

DELETE_TOKEN = "delete_token"


class Errand(NamedTuple):
    """One thing to tell, sealed."""

    merchant_id: MerchantId
    outbox_id: str
    topic: str
    token_index: bytes | None
    sealed: bytes
    attempts: int = 0


def insert(errand: Errand, now: int) -> Statement:
    """Add an errand that is due at once."""
    return SQL["insert_outbox"](
        merchant_id=errand.merchant_id,
        outbox_id=errand.outbox_id,
        topic=errand.topic,
        token_index=errand.token_index,
        sealed=errand.sealed,
        now=now,
    )


async def due(engine: Engine, now: int, limit: int) -> list[Errand]:
    """Give the errands whose time has come, oldest first."""
    return [Errand(*row) for row in await engine.read(SQL["due_outbox"](now=now, limit=limit))]


def postpone(errand: Errand, due_at: int) -> Statement:
    """Try an errand again later."""
    return SQL["postpone_outbox"](merchant_id=errand.merchant_id, outbox_id=errand.outbox_id, due_at=due_at)


def delete(errand: Errand) -> Statement:
    """Forget an errand that is done."""
    return SQL["delete_outbox"](merchant_id=errand.merchant_id, outbox_id=errand.outbox_id)
