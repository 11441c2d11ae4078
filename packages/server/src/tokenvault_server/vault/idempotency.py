"""Acting once: a key is claimed before the act, and settled with it in one transaction.

The claim is a lease with a fencing token. Whoever crashes while it holds the lease leaves the key to the first repeat
of the same call after the lease has run out; whoever was merely slow finds its token replaced, and nothing of what it
did commits. A reply that dies before its key (a cryptogram's) leaves the key to the same call in the same way. Calls
are told apart by a keyed fingerprint, never a bare hash: a body may hold a card number. `daily_keys` renews its key.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import partial

from tokenvault_server.database.engine import Engine, Unit, Work, in_batches, single_statement
from tokenvault_server.domain.clock import DAY, SECOND, Clock
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId
from tokenvault_server.errors import IdempotencyMismatchError, InstrumentNotFoundError, RequestInProgressError
from tokenvault_server.keys.fields import framed
from tokenvault_server.store import idempotency as store
from tokenvault_server.store.idempotency import KeyedCall, KeyLease, ReplyKey, SettledReply
from tokenvault_server.vault.record_sealer import RecordSealer

LEASE_SECONDS = 60
"""Longer than the deadline of a token service provider, so that no living call loses its lease to a repeat."""
LIFE = DAY


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What the first call was answered."""

    status: int
    body: bytes


@dataclass(slots=True)
class IdempotencyClaim:
    """The right to act under a key."""

    reply_key: ReplyKey
    lease: KeyLease


class IdempotencyKeys:
    """Claims keys, stores sealed replies and gives them back."""

    def __init__(self, engine: Engine, sealer: RecordSealer, clock: Clock) -> None:
        """Keep replies in `engine`."""
        self._engine = engine
        self._sealer = sealer
        self._clock = clock

    async def claim(self, merchant_id: MerchantId, key: str, call: bytes) -> IdempotencyClaim | StoredReply:
        """Give the right to act, or what the same call was answered before.

        Raises IdempotencyMismatchError when the key was used for another call, RequestInProgressError while the first
        one is still being carried out.
        """
        reply_key = ReplyKey(merchant_id, key)
        now = self._clock.now()
        key_id, fingerprint = await self._sealer.fingerprint(_bound(reply_key, call))
        lease = KeyLease(secrets.token_hex(8), fingerprint, key_id, now + LEASE_SECONDS * SECOND, now + LIFE)
        known = await store.load(self._engine, reply_key, now)
        if known is None:
            if await self._engine.commit(lambda: store.claim(reply_key, lease, now)):
                return IdempotencyClaim(reply_key, lease)
            known = await store.load(self._engine, reply_key, now)
            if known is None:
                raise RequestInProgressError  # it was given back in between: the repeat will find it free
        await self._check_same(reply_key, known, call)
        if known.state == "settled" and known.held_until > now:
            return await self._stored(reply_key, known)
        return await self._inherit(reply_key, lease, known, now)

    async def check_unused(self, merchant_id: MerchantId, key: str) -> None:
        """Raise IdempotencyMismatchError when a key that comes with a plain read was used for an act."""
        if await store.load(self._engine, ReplyKey(merchant_id, key), self._clock.now()) is not None:
            raise IdempotencyMismatchError

    async def settle(
        self, claim: IdempotencyClaim, unit: Unit, reply: StoredReply, instrument_id: str, until: int | None
    ) -> None:
        """Have the reply stored in the unit's transaction; RequestInProgressError at commit when the lease was lost.

        It is given to repeats for as long as the key lives, or `until` it loses its worth. The reply goes with the
        saved card that it speaks of.
        """
        sealed = await self._sealer.seal_reply(claim.reply_key.merchant_id, claim.reply_key.idempotency_key, reply.body)
        held_until = min(claim.lease.expires_at, until or claim.lease.expires_at)
        settled = SettledReply(reply.status, sealed, held_until, instrument_id)
        unit.add(lambda: _settle(claim, settled))

    async def release(self, claim: IdempotencyClaim) -> None:
        """Give a key back, so that a repeat acts."""
        await self._engine.commit(single_statement(store.release(claim.reply_key, claim.lease.owner)))

    async def sweep(self) -> None:
        """Forget the keys whose time is over, and the replies that died before their keys."""
        now = self._clock.now()
        await in_batches(self._engine, partial(store.sweep, now))
        await in_batches(self._engine, partial(store.bury, now))

    async def _check_same(self, reply_key: ReplyKey, known: KeyedCall, call: bytes) -> None:
        _, fingerprint = await self._sealer.fingerprint(_bound(reply_key, call), known.fingerprint_key)
        if not hmac.compare_digest(fingerprint, known.fingerprint):
            raise IdempotencyMismatchError

    async def _stored(self, reply_key: ReplyKey, known: KeyedCall) -> StoredReply:
        if known.sealed is None or known.status is None:
            raise InstrumentNotFoundError  # the card was deleted, and what was answered about it with it
        body = await self._sealer.open_reply(reply_key.merchant_id, reply_key.idempotency_key, known.sealed)
        return StoredReply(known.status, body)

    async def _inherit(self, reply_key: ReplyKey, lease: KeyLease, known: KeyedCall, now: int) -> IdempotencyClaim:
        if known.held_until > now:
            raise RequestInProgressError
        inherited = lease._replace(expires_at=known.expires_at)
        if not await self._engine.commit(lambda: store.take_over(reply_key, inherited, known.owner, now)):
            raise RequestInProgressError
        return IdempotencyClaim(reply_key, inherited)


def purge(merchant_id: MerchantId, instrument_id: InstrumentId) -> Work[None]:
    """Drop the stored replies that speak of a deleted card."""
    yield store.purge(merchant_id, instrument_id)


def _bound(reply_key: ReplyKey, call: bytes) -> bytes:
    """Bind a call to its place: equal calls of two merchants must not show as equal rows."""
    return framed(reply_key.merchant_id.encode(), reply_key.idempotency_key.encode()) + call


def _settle(claim: IdempotencyClaim, reply: SettledReply) -> Work[None]:
    if not (yield from store.settle(claim.reply_key, claim.lease.owner, reply)):
        raise RequestInProgressError
