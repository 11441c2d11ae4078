"""Idempotency keys: a key is claimed before the call acts, and settled in the transaction of the act.

The life of a key:

1. **Claim.** The first call inserts a row for its key. The row names an owner, which is a random fencing token, and the
   time at which the claim's lease ends. Until then, repeats are answered `request_in_progress`.
2. **Act.** The call may talk to a token service provider, which takes up to its deadline. The lease is longer.
3. **Settle.** The transaction that writes the act also stores the sealed reply, on condition that the row still names
   this owner. If it does not, the whole transaction is rolled back.
4. **Repeat.** The same call gets the stored reply. Another call under the same key is refused.
5. **Release.** A call that failed on our side deletes its row, so that a repeat acts.
6. **Reclaim.** A process that crashes while it holds the lease leaves the row behind. When the lease has ended, the
   first repeat of the same call takes the key over: it replaces the owner. A process that was only slow finds another
   owner in step 3, and nothing of what it did is committed. A reply that ends before its key (a cryptogram's) leaves
   the key to the same call in the same way. A store that one process serves numbers the generations of its processes
   (`bootstrap/generations`), and an owner begins with that number. The lease of an earlier generation has no process
   any more, so a repeat takes the key over at once.
7. **Sweep.** A key is deleted a day after its first use.

Calls are compared by a keyed fingerprint, never by a bare hash: a body may hold a card number. `daily_keys` renews the
fingerprint's key.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import partial

from tokenvault_server.database.engine import Engine, Unit, Work, in_batches, single_statement
from tokenvault_server.domain.clock import DAY, SECOND, Clock
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import (
    IdempotencyMismatchError,
    InstrumentNotFoundError,
    RequestInProgressError,
    SealBrokenError,
)
from tokenvault_server.keys.fields import framed
from tokenvault_server.store import idempotency as store
from tokenvault_server.store.idempotency import KeyedCall, KeyLease, ReplyKey, SettledReply
from tokenvault_server.vault.record_sealer import RecordSealer

LEASE_SECONDS = 60
"""Longer than the deadline of a token service provider: a call that still runs never loses its lease to a repeat."""
KEY_LIFETIME = DAY


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The reply to the first call under a key."""

    status: int
    body: Secret[bytes]
    """It may hold a cryptogram."""


@dataclass(slots=True)
class IdempotencyClaim:
    """The right to act under a key."""

    reply_key: ReplyKey
    lease: KeyLease


class IdempotencyKeys:
    """Claims keys, stores sealed replies and returns them to repeats."""

    def __init__(self, engine: Engine, sealer: RecordSealer, clock: Clock) -> None:
        """Store keys and replies in `engine`."""
        self._engine = engine
        self._sealer = sealer
        self._clock = clock
        self._generation: int | None = None

    def join(self, generation: int) -> None:
        """Claim keys as a process of this generation. All processes of earlier generations are dead."""
        self._generation = generation

    async def claim(self, merchant_id: MerchantId, key: str, call: bytes) -> IdempotencyClaim | StoredReply:
        """Return the right to act, or the reply that the same call got before.

        Raises:
            IdempotencyMismatchError: the key was used for another call.
            RequestInProgressError: the first call is still being carried out.
        """
        reply_key = ReplyKey(merchant_id, key)
        now = self._clock.now()
        key_id, fingerprint = await self._sealer.fingerprint(_bind(reply_key, call))
        lease = KeyLease(self._new_owner(), fingerprint, key_id, now + LEASE_SECONDS * SECOND, now + KEY_LIFETIME)
        # Read first: a repeat of a settled call needs no transaction, and so does not wait for the writer.
        known = await store.load(self._engine, reply_key, now)
        if known is None:
            # The insert decides between calls that both found no row. The loser looks at the winner's row.
            if await self._engine.commit(lambda: store.claim(reply_key, lease, now)):
                return IdempotencyClaim(reply_key, lease)
            known = await store.load(self._engine, reply_key, now)
            if known is None:
                raise RequestInProgressError  # released between the two statements: a repeat will find the key free
        # Compared before anything is returned: another call must not see this reply or take the lease over.
        await self._check_same_call(reply_key, known, call)
        if known.state == "settled" and known.held_until > now:
            return await self._open_reply(reply_key, known)
        return await self._reclaim(reply_key, lease, known, now)

    async def check_unused(self, merchant_id: MerchantId, key: str) -> None:
        """Raise IdempotencyMismatchError when a plain read carries a key that was used for an act."""
        if await store.load(self._engine, ReplyKey(merchant_id, key), self._clock.now()) is not None:
            raise IdempotencyMismatchError

    async def settle(
        self, claim: IdempotencyClaim, unit: Unit, reply: StoredReply, instrument_id: str, until: int | None
    ) -> None:
        """Add the reply to the unit's transaction.

        Args:
            claim: the right to act, from `claim`.
            unit: the transaction of the act. Its commit raises RequestInProgressError when the lease was lost.
            reply: what repeats get.
            instrument_id: the saved card that the reply describes; the reply is deleted with it.
            until: when the reply stops being useful; None for as long as the key lives.
        """
        merchant_id, key = claim.reply_key
        bound = _bind_reply(reply.status, claim.lease.fingerprint)
        sealed = await self._sealer.seal_reply(merchant_id, key, bound + reply.body.reveal())
        held_until = min(claim.lease.expires_at, until or claim.lease.expires_at)
        settled = SettledReply(reply.status, sealed, held_until, instrument_id)
        unit.add(lambda: _settle(claim, settled))

    async def release(self, claim: IdempotencyClaim) -> None:
        """Delete the claim, so that a repeat acts; without effect when the lease was lost."""
        await self._engine.commit(single_statement(store.release(claim.reply_key, claim.lease.owner)))

    async def sweep(self) -> None:
        """Delete the keys whose time is over, and the replies that ended before their keys."""
        now = self._clock.now()
        await in_batches(self._engine, partial(store.sweep, now))
        await in_batches(self._engine, partial(store.drop_ended_replies, now))

    async def _check_same_call(self, reply_key: ReplyKey, known: KeyedCall, call: bytes) -> None:
        # The fingerprint's key may have been renewed since: the row names the key that it was made with.
        _, fingerprint = await self._sealer.fingerprint(_bind(reply_key, call), known.fingerprint_key)
        if not hmac.compare_digest(fingerprint, known.fingerprint):
            raise IdempotencyMismatchError

    async def _open_reply(self, reply_key: ReplyKey, known: KeyedCall) -> StoredReply:
        if known.sealed is None or known.status is None:
            raise InstrumentNotFoundError  # the card was deleted, and its replies with it
        bound = _bind_reply(known.status, known.fingerprint)
        opened = Secret(await self._sealer.open_reply(reply_key.merchant_id, reply_key.idempotency_key, known.sealed))
        if not opened.reveal().startswith(bound):
            raise SealBrokenError(hint="a stored reply was changed in the database: it is another call's or status's")
        return StoredReply(known.status, Secret(opened.reveal()[len(bound) :]))

    async def _reclaim(self, reply_key: ReplyKey, lease: KeyLease, known: KeyedCall, now: int) -> IdempotencyClaim:
        """Take over a key whose lease or reply has ended; RequestInProgressError when another call holds it."""
        if known.held_until > now and not self._is_abandoned(known.owner):
            raise RequestInProgressError
        # The key still ends a day after its first use, however often it changes hands, and keeps its fingerprint.
        reclaimed = lease._replace(
            expires_at=known.expires_at, fingerprint=known.fingerprint, fingerprint_key=known.fingerprint_key
        )
        # The statement names the previous owner: of several repeats one succeeds, and the others wait for it.
        ended = max(now, known.held_until)
        if not await self._engine.commit(lambda: store.reclaim(reply_key, reclaimed, known.owner, ended)):
            raise RequestInProgressError
        return IdempotencyClaim(reply_key, reclaimed)

    def _new_owner(self) -> str:
        owner = secrets.token_hex(8)
        return owner if self._generation is None else f"{self._generation}.{owner}"

    def _is_abandoned(self, owner: str) -> bool:
        """Return whether the process of an owner is known to be dead."""
        generation, dot, _ = owner.partition(".")
        return bool(dot) and generation.isdecimal() and int(generation) < (self._generation or 0)


def purge(merchant_id: MerchantId, instrument_id: InstrumentId) -> Work[None]:
    """Delete the stored replies that describe a deleted card."""
    yield store.purge(merchant_id, instrument_id)


def _bind(reply_key: ReplyKey, call: bytes) -> bytes:
    """Bind a call to its merchant and key: equal calls must not have equal fingerprints in two rows."""
    return framed(reply_key.merchant_id.encode(), reply_key.idempotency_key.encode()) + call


def _bind_reply(status: int, fingerprint: bytes) -> bytes:
    """Return what a stored reply begins with, so that its row cannot answer with another status or another call."""
    return status.to_bytes(2) + fingerprint


def _settle(claim: IdempotencyClaim, reply: SettledReply) -> Work[None]:
    # The fence: when another owner has the row, this raises inside the transaction, which is rolled back.
    if not (yield from store.settle(claim.reply_key, claim.lease.owner, reply)):
        raise RequestInProgressError
