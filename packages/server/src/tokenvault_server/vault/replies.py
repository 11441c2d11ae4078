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

from tokenvault_server.database.engine import Engine, Unit, Work, alone, in_batches
from tokenvault_server.domain.clock import DAY, SECOND, Clock
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId
from tokenvault_server.errors import IdempotencyMismatchError, InstrumentNotFoundError, RequestInProgressError
from tokenvault_server.keys.fields import framed
from tokenvault_server.store import idempotency as store
from tokenvault_server.store.idempotency import KeyedCall, Lease, Place, SettledReply
from tokenvault_server.vault.custody import Custody

LEASE_SECONDS = 60
"""Longer than the deadline of a token service provider, so that no living call loses its lease to a repeat."""
LIFE = DAY


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What the first call was answered."""

    status: int
    body: bytes


@dataclass(slots=True)
class Claim:
    """The right to act under a key."""

    place: Place
    lease: Lease


class Replies:
    """Claims keys, stores sealed replies and gives them back."""

    def __init__(self, engine: Engine, custody: Custody, clock: Clock) -> None:
        """Keep replies in `engine`."""
        self._engine = engine
        self._custody = custody
        self._clock = clock

    async def claim(self, merchant_id: MerchantId, key: str, call: bytes) -> Claim | StoredReply:
        """Give the right to act, or what the same call was answered before.

        Raises IdempotencyMismatchError when the key was used for another call, RequestInProgressError while the first
        one is still being carried out.
        """
        place = Place(merchant_id, key)
        now = self._clock.now()
        key_id, fingerprint = await self._custody.fingerprint(_bound(place, call))
        lease = Lease(secrets.token_hex(8), fingerprint, key_id, now + LEASE_SECONDS * SECOND, now + LIFE)
        known = await store.load(self._engine, place, now)
        if known is None:
            if await self._engine.commit(lambda: store.claim(place, lease, now)):
                return Claim(place, lease)
            known = await store.load(self._engine, place, now)
            if known is None:
                raise RequestInProgressError  # it was given back in between: the repeat will find it free
        await self._check_same(place, known, call)
        if known.state == "settled" and known.held_until > now:
            return await self._stored(place, known)
        return await self._inherit(place, lease, known, now)

    async def check_unused(self, merchant_id: MerchantId, key: str) -> None:
        """Raise IdempotencyMismatchError when a key that comes with a plain read was used for an act."""
        if await store.load(self._engine, Place(merchant_id, key), self._clock.now()) is not None:
            raise IdempotencyMismatchError

    async def settle(self, claim: Claim, unit: Unit, reply: StoredReply, instrument_id: str, until: int | None) -> None:
        """Have the reply stored in the unit's transaction; RequestInProgressError at commit when the lease was lost.

        It is given to repeats for as long as the key lives, or `until` it loses its worth. The reply goes with the
        saved card that it speaks of.
        """
        sealed = await self._custody.seal_reply(claim.place.merchant_id, claim.place.idempotency_key, reply.body)
        held_until = min(claim.lease.expires_at, until or claim.lease.expires_at)
        settled = SettledReply(reply.status, sealed, held_until, instrument_id)
        unit.add(lambda: _settle(claim, settled))

    async def release(self, claim: Claim) -> None:
        """Give a key back, so that a repeat acts."""
        await self._engine.commit(alone(store.release(claim.place, claim.lease.owner)))

    async def sweep(self) -> None:
        """Forget the keys whose time is over, and the replies that died before their keys."""
        now = self._clock.now()
        await in_batches(self._engine, partial(store.sweep, now))
        await in_batches(self._engine, partial(store.bury, now))

    async def _check_same(self, place: Place, known: KeyedCall, call: bytes) -> None:
        _, fingerprint = await self._custody.fingerprint(_bound(place, call), known.fingerprint_key)
        if not hmac.compare_digest(fingerprint, known.fingerprint):
            raise IdempotencyMismatchError

    async def _stored(self, place: Place, known: KeyedCall) -> StoredReply:
        if known.sealed is None or known.status is None:
            raise InstrumentNotFoundError  # the card was deleted, and what was answered about it with it
        body = await self._custody.open_reply(place.merchant_id, place.idempotency_key, known.sealed)
        return StoredReply(known.status, body)

    async def _inherit(self, place: Place, lease: Lease, known: KeyedCall, now: int) -> Claim:
        if known.held_until > now:
            raise RequestInProgressError
        inherited = lease._replace(expires_at=known.expires_at)
        if not await self._engine.commit(lambda: store.take_over(place, inherited, known.owner, now)):
            raise RequestInProgressError
        return Claim(place, inherited)


def purge(merchant_id: MerchantId, instrument_id: InstrumentId) -> Work[None]:
    """Drop the stored replies that speak of a deleted card."""
    yield store.purge(merchant_id, instrument_id)


def _bound(place: Place, call: bytes) -> bytes:
    """Bind a call to its place: equal calls of two merchants must not show as equal rows."""
    return framed(place.merchant_id.encode(), place.idempotency_key.encode()) + call


def _settle(claim: Claim, reply: SettledReply) -> Work[None]:
    if not (yield from store.settle(claim.place, claim.lease.owner, reply)):
        raise RequestInProgressError
