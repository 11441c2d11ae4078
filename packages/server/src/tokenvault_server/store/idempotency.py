"""Which calls were made under which idempotency key, as rows. Replies are sealed."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId

SQL = queries.load("tokenvault_server.store", "idempotency.sql")


class ReplyKey(NamedTuple):
    """Whose key it is, and which."""

    merchant_id: MerchantId
    idempotency_key: str


class KeyedCall(NamedTuple):
    """What became of the call that a key was first used for."""

    state: str
    owner: str
    fingerprint: bytes
    fingerprint_key: int
    held_until: int
    """Until then the claim holds or, once it is settled, the reply."""
    expires_at: int
    status: int | None
    sealed: bytes | None


class KeyLease(NamedTuple):
    """A claim to act under a key: the owner is a fencing token, without which nothing settles."""

    owner: str
    fingerprint: bytes
    fingerprint_key: int
    held_until: int
    expires_at: int


class SettledReply(NamedTuple):
    """What a repeat will be answered."""

    status: int
    sealed: bytes
    held_until: int
    instrument_id: str


async def load(engine: Engine, reply_key: ReplyKey, now: int) -> KeyedCall | None:
    """Give what a key was used for, or None when it is free."""
    rows = await engine.read(SQL["load_key"](**reply_key._asdict(), now=now))
    return KeyedCall(*rows[0]) if rows else None


def claim(reply_key: ReplyKey, lease: KeyLease, now: int) -> Work[bool]:
    """Take a free key; False when somebody has it."""
    return bool((yield SQL["claim_key"](**reply_key._asdict(), **lease._asdict(), now=now)))


def take_over(reply_key: ReplyKey, lease: KeyLease, previous: str, now: int) -> Work[bool]:
    """Inherit a key that nobody holds any more; False when somebody else did, or it settled after all."""
    statement = SQL["take_over_key"](
        **reply_key._asdict(), owner=lease.owner, held_until=lease.held_until, previous=previous, now=now
    )
    return bool((yield statement))


def settle(reply_key: ReplyKey, owner: str, reply: SettledReply) -> Work[bool]:
    """Store the reply; False when the lease was lost."""
    return bool((yield SQL["settle_key"](**reply_key._asdict(), owner=owner, **reply._asdict())))


def release(reply_key: ReplyKey, owner: str) -> Statement:
    """Give a key back unused."""
    return SQL["release_key"](**reply_key._asdict(), owner=owner)


def purge(merchant_id: MerchantId, instrument_id: InstrumentId) -> Statement:
    """Drop the stored replies that speak of a card."""
    return SQL["purge_replies"](merchant_id=merchant_id, instrument_id=instrument_id)


def sweep(now: int, limit: int) -> Work[int]:
    """Forget up to `limit` keys whose time is over; give how many there were."""
    return len((yield SQL["sweep_keys"](now=now, limit=limit)))


def bury(now: int, limit: int) -> Work[int]:
    """Drop up to `limit` replies that died before their keys; give how many there were."""
    return len((yield SQL["bury_replies"](now=now, limit=limit)))


def names_key(key_id: int, now: int) -> Work[bool]:
    """Tell whether a fingerprint or a reply that still counts was made with a key."""
    if (yield SQL["find_fingerprint"](key_id=key_id, now=now)):
        return True
    return bool((yield SQL["find_reply"](named=key_id.to_bytes(4, "big"), now=now)))
