"""The audit trail: one hash chain for each merchant and one for the vault, with signed checkpoints over their heads.

An entry is appended in the transaction that makes it true. Its hash covers the vault, the chain, its place, the hash
before it and its own bytes (each behind its length), so that an entry can be neither altered, moved, left out nor
inserted without breaking every hash after it. A checkpoint signs where the chains stood; the newest one is anchored
in a file outside the database. The format is described in docs/reference/storage-format.md and pinned by vectors: it
is stored for years.
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
"""What stands before the first entry of a chain."""
_MARKED_AT_ONCE: Final = 100
"""Chains that stand still together while they are marked as covered."""

_encode = msgspec.json.Encoder().encode


_ToldHead = tuple[str, int, str]


class CheckpointBody(msgspec.Struct, frozen=True):
    """What a checkpoint signs."""

    vault_id: str
    number: int
    at: int
    previous: str
    heads: list[_ToldHead]
    """Chain, sequence and hash (hex) of every chain that grew since the checkpoint before."""


class AuditTrail:
    """Appends to the chains and signs checkpoints over them."""

    def __init__(
        self, engine: Engine, keyring: Keyring, vault_id: VaultId, clock: Clock, anchor: Path | None = None
    ) -> None:
        """Record in `engine`; `anchor` is the file for the newest checkpoint, None for a vault that is thrown away."""
        self._engine = engine
        self._keyring = keyring
        self._vault_id = vault_id
        self._clock = clock
        self._anchor = anchor

    @property
    def own_chain(self) -> str:
        """The chain of what concerns no merchant; the vault's own id."""
        return self._vault_id

    def append(self, chain: str, event: AuditEntry) -> Work[None]:
        """Append an event to a chain, inside the transaction that makes it true."""
        entry = _encode(event)
        sequence, previous = yield from store.next_sequence(chain, GENESIS)
        digest = entry_hash(self._vault_id, chain, sequence, previous, entry)
        yield from store.insert_entry(chain, Link(sequence, entry, digest))

    def append_act(
        self,
        caller: Caller,
        action: Action,
        instrument: Instrument,
        at: int,
        details: dict[str, int | str] | None = None,
    ) -> Work[None]:
        """Append what a caller did to a saved card to the chain of its merchant."""
        event = AuditEntry(
            at=at,
            action=action,
            actor=caller.actor,
            origin=caller.origin,
            request_id=caller.request_id,
            customer_id=instrument.customer_id,
            instrument_id=instrument.instrument_id,
            details=details or {},
        )
        return self.append(instrument.merchant_id, event)

    async def begin(self) -> None:
        """Record a new vault's initialisation, sign and anchor it: an anchor that is missing later was taken away."""
        if await store.head(self._engine, self.own_chain) is None:
            event = AuditEntry(at=self._clock.now(), action=Action.VAULT_INITIALISED, actor="vault")
            await self._engine.commit(lambda: self.append(self.own_chain, event))
            await self.checkpoint()

    async def checkpoint(self) -> bool:
        """Sign where the chains stand, if any of them grew since the last time; anchor it outside the database."""
        key = await self._keyring.active(Purpose.AUDIT)
        made, covered = await self._engine.commit(lambda: self._sign(key))
        for begin in range(0, len(covered), _MARKED_AT_ONCE):
            await self._engine.commit(partial(store.mark_checkpointed, covered[begin : begin + _MARKED_AT_ONCE]))
        if self._anchor is not None:
            await self._anchor_newest(self._anchor)
        return made

    async def _anchor_newest(self, file: Path) -> None:
        """Note the newest checkpoint, whichever process made it; an anchor that proves a rollback stays as it is."""
        newest = await store.newest_checkpoint(self._engine)
        known = anchors.read(file)
        if newest is None or (known is not None and known.number == newest.number and known.hash == newest.hash.hex()):
            return
        if known is not None:
            stored = await store.checkpoint_hash(self._engine, known.number)
            if stored is None or stored.hex() != known.hash:
                logger.error("the database does not have the anchored checkpoint", extra={"checkpoint": known.number})
                return
        anchors.write(file, anchors.Anchor(newest.number, newest.hash.hex()))

    def _sign(self, key: Key) -> Work[tuple[bool, list[Head]]]:
        """Write a checkpoint, if something moved, and tell whether; give the heads that are covered and not marked."""
        # In this order: whoever signs between the two takes the number, and nothing is marked here.
        last = yield from store.last_checkpoint()
        moved = yield from store.moved_heads()
        # Another process is marking what it has just signed, or died before it had.
        covered = _heads(last)
        new = [message for message in map(_as_told, moved) if message not in covered]
        if not new:
            return False, moved
        body = _body(self._vault_id, self._clock.now(), last, new)
        digest = checkpoint_hash(body)
        number = last.number + 1 if last else 1
        checkpoint = Checkpoint(number, body, digest, key.key_id, signing.sign(key, digest))
        made = yield from store.insert_checkpoint(checkpoint)
        return made, moved if made else []


def entry_hash(vault_id: str, chain: str, sequence: int, previous: bytes, entry: bytes) -> bytes:
    """Give the SHA-256 that binds an entry to its place in its chain."""
    place = (vault_id.encode(), chain.encode(), sequence.to_bytes(8, "big"))
    return hashlib.sha256(framed(b"tokenvault audit entry v1", *place, previous, entry)).digest()


def checkpoint_hash(body: bytes) -> bytes:
    """Give the SHA-256 that a checkpoint's signature covers and the next checkpoint names."""
    return hashlib.sha256(b"tokenvault audit checkpoint v1\x00" + body).digest()


def _body(vault_id: str, now: int, last: Checkpoint | None, heads: list[_ToldHead]) -> bytes:
    return _encode(
        CheckpointBody(
            vault_id=vault_id,
            number=last.number + 1 if last else 1,
            at=now,
            previous=(last.hash if last else GENESIS).hex(),
            heads=heads,
        )
    )


def _as_told(head: Head) -> _ToldHead:
    return head.chain, head.sequence, head.hash.hex()


def _heads(checkpoint: Checkpoint | None) -> set[_ToldHead]:
    """Give the heads that a checkpoint tells of; none of one that was tampered with, which verification reports."""
    try:
        return set(msgspec.json.decode(checkpoint.body, type=CheckpointBody).heads) if checkpoint else set()
    except msgspec.MsgspecError:
        return set()
