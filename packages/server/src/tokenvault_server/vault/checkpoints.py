"""Signs the heads of the audit chains.

What is signed follows from the signed checkpoints alone. A process remembers which heads it knows to be signed:

1. At its first pass it reads the newest checkpoints and verifies their signatures. Heads that they do not name are
   signed anew.
2. At each later pass it first reads the checkpoints that other processes made since.
3. Then it reads every head, page by page, and signs those that are not known to be signed, up to a thousand in one
   checkpoint.

Of two processes that insert a checkpoint with the same number, one succeeds. The other reads that checkpoint, and signs
what it left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import VaultError
from tokenvault_server.keys import signing
from tokenvault_server.keys.keyring import Key, Keyring
from tokenvault_server.store import audit as store
from tokenvault_server.store.audit import Checkpoint, Head
from tokenvault_server.vault.audit_format import CheckpointBody, checkpoint_hash, decode_body, encode_body
from tokenvault_server.vault.signed_heads import SignedHeads, still_unsigned

logger = logging.getLogger(__name__)

HEADS_AT_ONCE: Final = 1_000
"""How many heads one checkpoint signs at most: a body of some 110 kB."""
EARLIER: Final = 200
"""How many earlier checkpoints a process reads at its first pass. What they do not name is signed again."""
_EARLIER_HEADS: Final = 200_000
"""It reads no further either when they named so many heads."""
_ATTEMPTS: Final = 100
"""How often a process tries to insert one checkpoint while others insert theirs."""
_REPORTED_CHAINS: Final = 10
"""How many chains one pass logs by name."""


class Checkpoints:
    """Makes the checkpoints of one process."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        vault_id: VaultId,
        clock: Clock,
        *,
        heads_at_once: int = HEADS_AT_ONCE,
        earlier: int = EARLIER,
    ) -> None:
        """Sign the heads in `engine` with the audit key."""
        self._engine = engine
        self._keyring = keyring
        self._vault_id = vault_id
        self._clock = clock
        self._heads_at_once = heads_at_once
        self._earlier = earlier
        self._signed = SignedHeads()
        self._newest: tuple[int, bytes] | None = None
        """Number and hash of the newest checkpoint that was read or made; None before the first."""
        self._all_signed_at = clock.now()
        self._lock = asyncio.Lock()

    @property
    def unsigned_seconds(self) -> float:
        """An upper bound of the age of the oldest entry without a signature.

        It is the time since the last pass began that left no head unsigned, or since this process started.
        """
        return max(0, self._clock.now() - self._all_signed_at) / 1_000_000

    @asynccontextmanager
    async def going_back(self) -> AsyncIterator[None]:
        """Sign nothing during the block, in which an emulator's store goes back; afterwards know no head as signed."""
        async with self._lock:
            yield
            self._signed = SignedHeads()
            self._newest = None
            self._all_signed_at = self._clock.now()

    async def sign_all(self) -> bool:
        """Sign every head that is not known to be signed; return whether a checkpoint was made."""
        async with self._lock:
            began = self._clock.now()
            await self.catch_up(self._earlier)
            made = False
            refused: list[str] = []
            present: set[str] = set()
            waiting: list[Head] = []
            async for page in store.heads(self._engine):
                for head in page:
                    present.add(head.chain)
                    if self._signed.contradicts(head):
                        refused.append(str(head.chain))
                    elif self._signed.is_unsigned(head):
                        waiting.append(head)
                while len(waiting) >= self._heads_at_once:
                    made |= await self._sign(waiting[: self._heads_at_once])
                    del waiting[: self._heads_at_once]
                await asyncio.sleep(0)  # a read of SQLite does not wait, and a vault may have 10^5 chains
            made |= await self._sign(waiting)
            refused += await self._missing(present)
            if refused:
                _report(refused)
            else:
                self._all_signed_at = began
            return made

    async def sign(self, chains: set[str]) -> bool:
        """Sign the heads of these chains, whether signed before or not; return whether a checkpoint was made.

        A command does so with the chains that it appended to, because it does not know all others.
        """
        async with self._lock:
            await self.catch_up(1)
            found = [await store.head(self._engine, chain) for chain in sorted(chains)]
            heads = [head for head in found if head and not self._signed.contradicts(head)]
            made = False
            for begin in range(0, len(heads), self._heads_at_once):
                made |= await self._sign(still_unsigned(self._signed, heads[begin : begin + self._heads_at_once]))
            return made

    async def _sign(self, heads: list[Head]) -> bool:
        """Insert a checkpoint of these heads, after the newest one; return whether they needed one."""
        for _ in range(_ATTEMPTS):
            if not heads:
                return False
            key = await self._keyring.active(Purpose.AUDIT)
            made = await self._engine.commit(partial(self._insert, key, heads))
            if made is not None:
                self._take_over(made, decode_body(made.body))
                return True
            # Another process was faster, or removed checkpoints. It may have signed some of these heads.
            await self.catch_up(self._earlier)
            heads = still_unsigned(self._signed, heads)
        raise VaultError(hint="other processes keep making checkpoints; the next pass signs what is left")

    async def _missing(self, present: set[str]) -> list[str]:
        """Return signed chains that have no head any more; all are counted, as soon as one of the first is gone."""
        missing = sorted(self._signed.missing(present))
        # Another process may have begun and signed a chain after its page was read.
        first = [chain for chain in missing[:_REPORTED_CHAINS] if await store.head(self._engine, chain) is None]
        return missing if first else []

    def _insert(self, key: Key, heads: list[Head]) -> Work[Checkpoint | None]:
        """Insert a checkpoint; return None if another one than the newest that is known comes before it."""
        last = yield from store.last_checkpoint()
        if _name(last) != self._newest:
            return None
        body = encode_body(self._vault_id, self._clock.now(), last, heads)
        digest = checkpoint_hash(body)
        number = last.number + 1 if last else 1
        checkpoint = Checkpoint(number, body, digest, key.key_id, signing.sign(key, digest))
        return checkpoint if (yield from store.insert_checkpoint(checkpoint)) else None

    async def catch_up(self, earlier: int = EARLIER) -> None:
        """Learn what is signed: from the checkpoints since the last known one; at first, from the `earlier` newest."""
        if self._newest is not None:
            number, digest = self._newest
            if await store.checkpoint_hash(self._engine, number) == digest:
                async for checkpoint in store.checkpoints(self._engine, after=number):
                    self._take_over(checkpoint, await self._verified(checkpoint))
                return
            logger.error("checkpoints were removed or replaced; every chain is signed again", extra={"newest": number})
            self._signed.doubt()
        newest = await store.newest_checkpoint(self._engine)
        self._newest = _name(newest)
        if newest is not None:
            await self._learn_back_from(newest.number, earlier)

    async def _learn_back_from(self, number: int, limit: int) -> None:
        count = heads = 0
        async for checkpoint in store.earlier_checkpoints(self._engine, number):
            body = await self._verified(checkpoint)
            if body is not None:
                self._signed.learn(body)
                heads += len(body.heads)
            count += 1
            if count >= limit or heads >= _EARLIER_HEADS:
                break
            await asyncio.sleep(0)

    def _take_over(self, checkpoint: Checkpoint, body: CheckpointBody | None) -> None:
        """Continue after a checkpoint, and know what it signs if its signature is valid."""
        self._newest = _name(checkpoint)
        if body is not None:
            self._signed.learn(body)

    async def _verified(self, checkpoint: Checkpoint) -> CheckpointBody | None:
        """Return what a checkpoint signs; None, and an error in the log, if it is not a valid one of this vault."""
        body = decode_body(checkpoint.body)
        try:
            key = signing.public_key(await self._keyring.by_id(checkpoint.key_id))
            digest = checkpoint_hash(checkpoint.body)
            valid = digest == checkpoint.hash and signing.verify(key, digest, checkpoint.signature)
        except (VaultError, TypeError, ValueError):
            valid = False  # SQLite stores values of any type in any column
        if not valid or body is None or (body.vault_id, body.number) != (self._vault_id, checkpoint.number):
            logger.error("a checkpoint is not valid", extra={"checkpoint": str(checkpoint.number)})
            return None
        return body


def _name(checkpoint: Checkpoint | None) -> tuple[int, bytes] | None:
    """Return the number and hash of a checkpoint."""
    return (checkpoint.number, checkpoint.hash) if checkpoint else None


def _report(chains: list[str]) -> None:
    """Log the chains whose heads are not signed, because they contradict what was signed."""
    logger.error(
        "the heads of chains were changed or removed; they are not signed. Run `tokenvault audit verify`",
        extra={"chains": sorted(chains)[:_REPORTED_CHAINS], "count": len(chains)},
    )
