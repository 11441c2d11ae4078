"""Which heads of the audit chains one process knows to be signed, and which of them may be signed.

No row says what is signed: such a row could be changed. It follows from the checkpoints whose signatures are valid.
This module decides; it does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tokenvault_server.store.audit import Head
from tokenvault_server.vault.audit_format import CheckpointBody

_HASH_BYTES: Final = 32


class SignedHeads:
    """The newest signed position of each chain, as far as this process has read or made checkpoints.

    It takes some 350 bytes for each chain. Only a process that makes checkpoints has one that is filled.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._positions: dict[str, tuple[int, bytes]] = {}
        self._doubtful: set[str] = set()

    def learn(self, body: CheckpointBody) -> None:
        """Take over what a checkpoint signs; its signature was verified, or made here."""
        for chain, sequence, digest in body.heads:
            position = (sequence, bytes.fromhex(digest))
            known = self._positions.get(chain)
            if known is None or known[0] <= sequence:
                self._positions[chain] = position
                self._doubtful.discard(chain)

    def doubt(self) -> None:
        """Sign every chain again: checkpoints that signed some of them are gone. What was signed is remembered."""
        self._doubtful.update(self._positions)

    def is_unsigned(self, head: Head) -> bool:
        """Return whether a head needs a signature: its chain grew, is not known, or its signature may be lost."""
        known = self._positions.get(head.chain)
        return known is None or known[0] < head.sequence or (head.chain in self._doubtful and known == head[1:])

    def contradicts(self, head: Head) -> bool:
        """Return whether a head is not a continuation of what was signed, or cannot be a head at all.

        The vault only ever moves a head forward. Such a head was changed by somebody else, and must not be signed.
        """
        if not _is_possible(*head):
            return True
        known = self._positions.get(head.chain)
        return known is not None and known[0] >= head.sequence and known != head[1:]

    def missing(self, present: set[str]) -> set[str]:
        """Return the signed chains that are not among those that are present."""
        return self._positions.keys() - present


def still_unsigned(signed: SignedHeads, heads: Iterable[Head]) -> list[Head]:
    """Return the heads that no other process signed meanwhile."""
    return [head for head in heads if signed.is_unsigned(head)]


def _is_possible(chain: object, sequence: object, digest: object) -> bool:
    """Return whether the vault could have written this row: SQLite stores any type in any column."""
    return (
        isinstance(chain, str)
        and isinstance(sequence, int)
        and sequence > 0
        and isinstance(digest, bytes)
        and len(digest) == _HASH_BYTES
    )
