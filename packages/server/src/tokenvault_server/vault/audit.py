"""The audit trail: one hash chain for each merchant and one for the vault, with signed checkpoints over their heads.

How an entry is appended, inside the transaction of the act that it records:

1. The chain's head row is locked, and its sequence number increased. Other writers of this chain wait.
2. The entry's hash covers the vault, the chain, the sequence number, the hash before it and the entry's bytes. Each
   part is preceded by its length. An entry cannot be altered, moved, left out or inserted without breaking every hash
   after it.
3. Entry and hash are inserted, and the head gets the new hash.

How a checkpoint is made:

1. One transaction reads the heads that moved since they were last covered, signs them, and inserts the checkpoint.
2. Further transactions mark these heads as covered, a hundred at a time, because each mark locks a chain.
3. The newest checkpoint's number and hash are written to the anchor, a file outside the database.

The format is described in docs/reference/storage-format.md and fixed by test vectors: it is stored for years.
"""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.keys import signing
from tokenvault_server.keys.fields import framed
from tokenvault_server.keys.keyring import Key, Keyring
from tokenvault_server.store import anchor as anchors
from tokenvault_server.store import audit as store
from tokenvault_server.store.audit import Checkpoint, Head, Link

logger = logging.getLogger(__name__)

GENESIS = bytes(32)
"""The hash before the first entry of a chain."""
_MARKED_AT_ONCE: Final = 100
"""How many chains one transaction marks as covered. Each is locked until the transaction ends."""

_encode = msgspec.json.Encoder().encode
_SignedHead = tuple[str, int, str]
"""A chain, its sequence number and its hash in hex, as a checkpoint holds them."""


class _Act(msgspec.Struct):
    """The part of an entry that says what was done."""

    action: str
    details: dict[str, int | str]


_decode_act = msgspec.json.Decoder(_Act).decode


class CheckpointBody(msgspec.Struct, frozen=True):
    """The bytes that a checkpoint signs."""

    vault_id: str
    number: int
    at: int
    previous: str
    heads: list[_SignedHead]
    """The heads of all chains that grew since the checkpoint before."""


class AuditTrail:
    """Appends to the chains and signs checkpoints over them."""

    def __init__(
        self, engine: Engine, keyring: Keyring, vault_id: VaultId, clock: Clock, anchor: Path | None = None
    ) -> None:
        """Append to the chains in `engine`.

        `anchor` is the file for the newest checkpoint; None for a vault that does not outlive its process.
        """
        self._engine = engine
        self._keyring = keyring
        self._vault_id = vault_id
        self._clock = clock
        self._anchor = anchor

    @property
    def own_chain(self) -> str:
        """The chain of acts that concern no merchant. Its name is the vault's id."""
        return self._vault_id

    def append(self, chain: str, entry: AuditEntry) -> Work[None]:
        """Append an entry to a chain, inside the transaction of the act that it records."""
        encoded = _encode(entry)
        sequence, previous = yield from store.next_sequence(chain, GENESIS)
        digest = entry_hash(self._vault_id, chain, sequence, previous, encoded)
        yield from store.insert_entry(chain, Link(sequence, encoded, digest))

    def lock(self, chain: str) -> Work[None]:
        """Lock a chain until the transaction ends, before it reads rows that it changes."""
        yield store.lock_head(chain)

    def append_act(
        self,
        caller: Caller,
        action: Action,
        instrument: Instrument,
        at: int,
        details: dict[str, int | str] | None = None,
    ) -> Work[None]:
        """Append a caller's act on a saved card to the chain of its merchant."""
        entry = AuditEntry(
            at=at,
            action=action,
            actor=caller.actor,
            origin=caller.origin,
            request_id=caller.request_id,
            customer_id=instrument.customer_id,
            instrument_id=instrument.instrument_id,
            details=details or {},
        )
        return self.append(instrument.merchant_id, entry)

    async def begin(self) -> None:
        """Record the initialisation of a new vault, sign it and anchor it.

        From then on the anchor exists: if it is missing later, somebody removed it.
        """
        if await store.head(self._engine, self.own_chain) is None:
            details: dict[str, int | str] = {"row_tags": 1}  # the rows of this vault have tags from the start
            entry = AuditEntry(at=self._clock.now(), action=Action.VAULT_INITIALISED, actor="vault", details=details)
            await self._engine.commit(lambda: self.append(self.own_chain, entry))
            await self.checkpoint()

    async def acts_on_rows(self) -> list[dict[str, int | str]]:
        """Return what the vault's own chain says of the first tags of its rows, oldest first."""
        recorded = [_decode_act(link.entry) async for link in store.entries(self._engine, self.own_chain)]
        return [act.details for act in recorded if act.action in {Action.VAULT_INITIALISED, Action.ROWS_TAGGED}]

    async def checkpoint(self) -> bool:
        """Sign the heads of the chains that grew, and anchor the newest checkpoint; return whether one was made."""
        key = await self._keyring.active(Purpose.AUDIT)
        made, covered = await self._engine.commit(lambda: self._sign(key))
        # Marked after the checkpoint is stored, in small transactions: an append to a chain that is being marked waits.
        for begin in range(0, len(covered), _MARKED_AT_ONCE):
            await self._engine.commit(partial(store.mark_checkpointed, covered[begin : begin + _MARKED_AT_ONCE]))
        if self._anchor is not None:
            await self._anchor_newest(self._anchor)
        return made

    async def _anchor_newest(self, file: Path) -> None:
        """Write the newest checkpoint to the anchor, whichever process made it."""
        newest = await store.newest_checkpoint(self._engine)
        anchor = anchors.read(file)
        if newest is None or (anchor and (anchor.number, anchor.hash) == (newest.number, newest.hash.hex())):
            return
        if anchor is not None:
            # The database lacks the anchored checkpoint: it was rolled back. The anchor is the proof, so it stays.
            stored = await store.checkpoint_hash(self._engine, anchor.number)
            if stored is None or stored.hex() != anchor.hash:
                logger.error("the database does not have the anchored checkpoint", extra={"checkpoint": anchor.number})
                return
        anchors.write(file, anchors.Anchor(newest.number, newest.hash.hex()))

    def _sign(self, key: Key) -> Work[tuple[bool, list[Head]]]:
        """Insert a checkpoint if any chain grew.

        Returns:
            Whether a checkpoint was inserted, and the heads that a checkpoint covers and that are not marked yet.
        """
        # The last checkpoint is read before the heads. If another process signs between the two reads, it takes the
        # next number: our insert finds the number taken, and nothing is marked.
        last = yield from store.last_checkpoint()
        moved = yield from store.moved_heads()
        # A moved head that the last checkpoint holds is signed and not marked: its process is still marking, or died
        # before it was done. It needs no new signature.
        covered = _heads(last)
        new = [head for head in map(_signed_head, moved) if head not in covered]
        if not new:
            return False, moved
        body = _body(self._vault_id, self._clock.now(), last, new)
        digest = checkpoint_hash(body)
        number = last.number + 1 if last else 1
        checkpoint = Checkpoint(number, body, digest, key.key_id, signing.sign(key, digest))
        made = yield from store.insert_checkpoint(checkpoint)
        return made, moved if made else []


def entry_hash(vault_id: str, chain: str, sequence: int, previous: bytes, entry: bytes) -> bytes:
    """Return the SHA-256 that binds an entry to its vault, its chain and its position there."""
    position = (vault_id.encode(), chain.encode(), sequence.to_bytes(8, "big"))
    return hashlib.sha256(framed(b"tokenvault audit entry v1", *position, previous, entry)).digest()


def checkpoint_hash(body: bytes) -> bytes:
    """Return the SHA-256 that a checkpoint's signature covers and the next checkpoint names."""
    return hashlib.sha256(b"tokenvault audit checkpoint v1\x00" + body).digest()


def _body(vault_id: str, now: int, last: Checkpoint | None, heads: list[_SignedHead]) -> bytes:
    return _encode(
        CheckpointBody(
            vault_id=vault_id,
            number=last.number + 1 if last else 1,
            at=now,
            previous=(last.hash if last else GENESIS).hex(),
            heads=heads,
        )
    )


def _signed_head(head: Head) -> _SignedHead:
    return head.chain, head.sequence, head.hash.hex()


def _heads(checkpoint: Checkpoint | None) -> set[_SignedHead]:
    """Return the heads that a checkpoint signs; none if its body is damaged, which verification reports."""
    try:
        return set(msgspec.json.decode(checkpoint.body, type=CheckpointBody).heads) if checkpoint else set()
    except msgspec.MsgspecError:
        return set()
