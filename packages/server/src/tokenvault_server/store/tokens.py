"""Counts the saved cards that share a network token. With the last card, the token is deleted at its provider."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "tokens.sql")


def share(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[bool]:
    """Count one more saved card on a token; return False when the token is being retired."""
    return bool((yield SQL["share_token"](merchant_id=merchant_id, token_index=token_index, now=now)))


def release(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[bool]:
    """Count one saved card fewer; return True when it was the last, so that the provider must delete the token."""
    rows = yield SQL["release_token"](merchant_id=merchant_id, token_index=token_index, now=now)
    return bool(rows) and rows[0][0] == "retiring"


def retire(merchant_id: MerchantId, token_index: bytes, now: int) -> Statement:
    """Record that the provider has deleted the token."""
    return SQL["retire_token"](merchant_id=merchant_id, token_index=token_index, now=now)


def abandon(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[bool]:
    """Begin to retire a token on which no card was ever saved; return False when the vault knows the token."""
    return bool((yield SQL["abandon_token"](merchant_id=merchant_id, token_index=token_index, now=now)))


async def is_usable(engine: Engine, merchant_id: MerchantId, token_index: bytes) -> bool:
    """Return whether a token is live or still unknown, rather than being retired."""
    rows = await engine.read(SQL["token_state"](merchant_id=merchant_id, token_index=token_index))
    return not rows or rows[0][0] == "live"
