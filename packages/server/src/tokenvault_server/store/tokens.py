"""Count the saved cards that share a network token. With the last card, the token is deleted at its provider."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "tokens.sql")


class TokenState(NamedTuple):
    """The state of a token, and the times of the newest changes at its provider that were applied."""

    state: str
    status_at: int
    token_at: int
    card_at: int

    @property
    def newest_at(self) -> int:
        """The time of the newest change of any kind."""
        return max(self.status_at, self.token_at, self.card_at)


def share(merchant_id: MerchantId, token_index: bytes, now: int, granted_at: int) -> Work[TokenState | None]:
    """Count one more saved card on a token; return None when the token is being retired."""
    rows = yield SQL["share_token"](merchant_id=merchant_id, token_index=token_index, now=now, granted_at=granted_at)
    return TokenState(*rows[0]) if rows else None


async def state(engine: Engine, merchant_id: MerchantId, token_index: bytes) -> TokenState | None:
    """Return the state of a token, or None when the vault does not know it."""
    rows = await engine.read(SQL["read_token"](merchant_id=merchant_id, token_index=token_index))
    return TokenState(*rows[0]) if rows else None


async def count_wrong(engine: Engine, merchant_id: str, latest: int) -> int:
    """Return how many tokens of a merchant are wrong.

    They do not count their saved cards, are live without any, or had a change after `latest`, in microseconds: a token
    whose newest change lies in the future ignores what its provider reports.
    """
    return int((await engine.read(SQL["count_wrong_tokens"](merchant_id=merchant_id, latest=latest)))[0][0])


def lock(merchant_id: MerchantId, token_index: bytes, now: int) -> Work[TokenState | None]:
    """Lock a token until the transaction ends, before its saved cards are changed."""
    rows = yield SQL["lock_token"](merchant_id=merchant_id, token_index=token_index, now=now)
    return TokenState(*rows[0]) if rows else None


def record(merchant_id: MerchantId, token_index: bytes, applied: TokenState) -> Statement:
    """Store the times of the newest changes that were applied."""
    return SQL["record_network_changes"](
        merchant_id=merchant_id,
        token_index=token_index,
        status_at=applied.status_at,
        token_at=applied.token_at,
        card_at=applied.card_at,
    )


def end(merchant_id: MerchantId, token_index: bytes, now: int) -> Statement:
    """Record that the provider has ended a token. Its saved cards are deleted with it."""
    return SQL["end_token"](merchant_id=merchant_id, token_index=token_index, now=now)


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
    known = await state(engine, merchant_id, token_index)
    return known is None or known.state == "live"
