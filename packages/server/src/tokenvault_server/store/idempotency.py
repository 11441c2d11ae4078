"""Idempotency keys with the calls and sealed replies that belong to them, as rows."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId

SQL = queries.load("tokenvault_server.store", "idempotency.sql")


class ReplyKey(NamedTuple):
    """The primary key of an idempotency key: its merchant and its text."""

    merchant_id: MerchantId
    idempotency_key: str


class KeyedCall(NamedTuple):
    """The call that a key was first used for, and its state."""

    state: str
    owner: str
    fingerprint: bytes
    fingerprint_key: int
    held_until: int
    """When the lease ends or, once settled, the reply."""
    expires_at: int
    status: int | None
    sealed: bytes | None


class KeyLease(NamedTuple):
    """The claim that a call makes. `owner` is a fencing token: only the current owner can settle the key."""

    owner: str
    fingerprint: bytes
    fingerprint_key: int
    held_until: int
    expires_at: int


class SettledReply(NamedTuple):
    """The reply that repeats get."""

    status: int
    sealed: bytes
    held_until: int
    instrument_id: str


async def load(engine: Engine, reply_key: ReplyKey, now: int) -> KeyedCall | None:
    """Return the call that a key was used for, or None when the key is free."""
    rows = await engine.read(SQL["load_key"](**reply_key._asdict(), now=now))
    return KeyedCall(*rows[0]) if rows else None


def claim(reply_key: ReplyKey, lease: KeyLease, now: int) -> Work[bool]:
    """Claim a free key; return False when another call has it."""
    return bool((yield SQL["claim_key"](**reply_key._asdict(), **lease._asdict(), now=now)))


def reclaim(reply_key: ReplyKey, lease: KeyLease, previous: str, now: int) -> Work[bool]:
    """Take over a key whose lease or reply has ended; return False when another call did, or it was settled since."""
    statement = SQL["reclaim_key"](
        **reply_key._asdict(), owner=lease.owner, held_until=lease.held_until, previous=previous, now=now
    )
    return bool((yield statement))


def settle(reply_key: ReplyKey, owner: str, reply: SettledReply) -> Work[bool]:
    """Store the reply; return False when the lease was lost."""
    return bool((yield SQL["settle_key"](**reply_key._asdict(), owner=owner, **reply._asdict())))


def release(reply_key: ReplyKey, owner: str) -> Statement:
    """Delete a claim that was not settled."""
    return SQL["release_key"](**reply_key._asdict(), owner=owner)


def purge(merchant_id: MerchantId, instrument_id: InstrumentId) -> Statement:
    """Delete the stored replies that describe a card."""
    return SQL["purge_replies"](merchant_id=merchant_id, instrument_id=instrument_id)


def sweep(now: int, limit: int) -> Work[int]:
    """Delete up to `limit` keys whose time is over; return how many there were."""
    return len((yield SQL["sweep_keys"](now=now, limit=limit)))


def drop_ended_replies(now: int, limit: int) -> Work[int]:
    """Delete up to `limit` replies that ended before their keys; return how many there were."""
    return len((yield SQL["drop_ended_replies"](now=now, limit=limit)))


def uses_key(key_id: int, now: int) -> Work[bool]:
    """Return whether any fingerprint or reply that has not ended was made with a key."""
    if (yield SQL["find_fingerprint"](key_id=key_id, now=now)):
        return True
    return bool((yield SQL["find_reply"](key_id_bytes=key_id.to_bytes(4, "big"), now=now)))
