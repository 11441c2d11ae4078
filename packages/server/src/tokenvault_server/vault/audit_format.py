"""The stored bytes of the audit trail: what an entry's hash covers, and what a checkpoint signs.

The format is described in docs/reference/storage-format.md and fixed by test vectors: it is stored for years.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from tokenvault_server.domain.audit import AuditEntry
from tokenvault_server.keys.fields import framed
from tokenvault_server.store.audit import Checkpoint, Head

GENESIS = bytes(32)
"""The hash before the first entry of a chain, and before the first checkpoint."""

_encode = msgspec.json.Encoder().encode


class CheckpointBody(msgspec.Struct, frozen=True):
    """The bytes that a checkpoint signs."""

    vault_id: str
    number: int
    at: int
    previous: str
    heads: list[tuple[str, int, str]]
    """Chains with the sequence number and the hash, in hex, of the entry that each ended with."""


class Act(msgspec.Struct):
    """The part of an entry that says what was done."""

    action: str
    details: dict[str, int | str]


class _Time(msgspec.Struct):
    at: int


_decode_act = msgspec.json.Decoder(Act).decode
_decode_body = msgspec.json.Decoder(CheckpointBody).decode
_decode_time = msgspec.json.Decoder(_Time).decode


def encode_entry(entry: AuditEntry) -> bytes:
    """Return the bytes of an entry, as they are hashed and stored."""
    return _encode(entry)


def act_of(entry: bytes) -> Act:
    """Return what an entry of this vault says was done."""
    return _decode_act(entry)


def time_of(entry: bytes) -> int | None:
    """Return when an entry was written, in microseconds since 1970; None if its bytes do not say."""
    try:
        return _decode_time(entry).at
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None


def encode_body(vault_id: str, now: int, previous: Checkpoint | None, heads: Sequence[Head]) -> bytes:
    """Return the body of the checkpoint after `previous`."""
    return _encode(
        CheckpointBody(
            vault_id=vault_id,
            number=previous.number + 1 if previous else 1,
            at=now,
            previous=(previous.hash if previous else GENESIS).hex(),
            heads=[(head.chain, head.sequence, head.hash.hex()) for head in heads],
        )
    )


def decode_body(body: bytes) -> CheckpointBody | None:
    """Return what the bytes of a checkpoint's body say, or None if they cannot be read."""
    try:
        return _decode_body(body)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None


def entry_hash(vault_id: str, chain: str, sequence: int, previous: bytes, entry: bytes) -> bytes:
    """Return the SHA-256 that binds an entry to its vault, its chain and its position there."""
    position = (vault_id.encode(), chain.encode(), sequence.to_bytes(8, "big"))
    return hashlib.sha256(framed(b"tokenvault audit entry v1", *position, previous, entry)).digest()


def checkpoint_hash(body: bytes) -> bytes:
    """Return the SHA-256 that a checkpoint's signature covers and the next checkpoint names."""
    return hashlib.sha256(b"tokenvault audit checkpoint v1\x00" + body).digest()
