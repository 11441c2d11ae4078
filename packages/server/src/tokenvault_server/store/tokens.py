"""How many saved cards share a network token, so that it is deleted at its provider with the last of them."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "tokens.sql")


def share(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[bool]:
    """Count one more saved card on a token; False when the token is being retired."""
    return bool((yield SQL["share_token"](merchant_id=merchant_id, token_index=token_index, now=now)))


def release(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[bool]:
    """Count one saved card fewer; True when it was the last and the token must be deleted at its provider."""
    rows = yield SQL["release_token"](merchant_id=merchant_id, token_index=token_index, now=now)
    return bool(rows) and rows[0][0] == "retiring"


def retire(merchant_id: MerchantId, token_index: bytes, now: int) -> Statement:
    """Note that the provider has deleted the token."""
    return SQL["retire_token"](merchant_id=merchant_id, token_index=token_index, now=now)


def abandon(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[bool]:
    """Begin the retirement of a token that no card was ever saved on; False when the vault knows the token."""
    return bool((yield SQL["abandon_token"](merchant_id=merchant_id, token_index=token_index, now=now)))


async def is_usable(engine: Engine, merchant_id: MerchantId, token_index: bytes) -> bool:
    """Tell whether a token is unknown yet or live, rather than on its way out."""
    rows = await engine.read(SQL["token_state"](merchant_id=merchant_id, token_index=token_index))
    return not rows or rows[0][0] == "live"
