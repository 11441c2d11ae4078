"""Walks the audit chains and says whether anybody has touched them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.keys import signing
from tokenvault_server.store import audit as store
from tokenvault_server.store.anchor import Anchor
from tokenvault_server.store.audit import Checkpoint, Head
from tokenvault_server.vault.audit import GENESIS, CheckpointBody, checkpoint_hash, entry_hash

_MAX_FINDINGS = 100


@dataclass(slots=True)
class AuditReport:
    """What a walk over the audit trail found."""

    chains: int = 0
    entries: int = 0
    checkpoints: int = 0
    unsigned_entries: int = 0
    """Entries that are younger than the newest checkpoint of their chain: chained, but not signed yet."""
    findings: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    def found(self, finding: str) -> None:
        """Note something wrong; after a hundred, the rest would not help."""
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(finding)


class AuditVerification:
    """One walk over every chain, every checkpoint and the anchor."""

    def __init__(self, engine: Engine, vault_id: VaultId, public_key: Callable[[int], Awaitable[bytes]]) -> None:
        """Verify what `engine` holds; `public_key` gives the Ed25519 public key of a key id."""
        self._engine = engine
        self._vault_id = vault_id
        self._public_key = public_key
        self._report = AuditReport()
        self._covered: dict[str, int] = {}

    async def run(self, anchor: Anchor | None = None) -> AuditReport:
        """Walk everything and give the report."""
        heads = await store.heads(self._engine)
        await self._walk_checkpoints(anchor)
        for head in heads:
            await self._walk_chain(head)
        self._find_missing_chains({head.chain for head in heads})
        self._report.chains = len(heads)
        return self._report

    async def _walk_chain(self, head: Head) -> None:
        previous, expected = GENESIS, 0
        async for link in store.walk(self._engine, head.chain):
            if link.sequence > head.sequence:
                break  # written after the heads were read
            expected += 1
            if link.sequence != expected:
                self._report.found(f"chain {head.chain}: entries {expected} to {link.sequence - 1} are missing")
                expected = link.sequence
            elif entry_hash(self._vault_id, head.chain, link.sequence, previous, link.entry) != link.hash:
                self._report.found(f"chain {head.chain}: entry {link.sequence} was altered, or an entry before it")
            previous = link.hash
            self._report.entries += 1
        if (expected, previous) != (head.sequence, head.hash):
            self._report.found(f"chain {head.chain}: ends at entry {expected}, its head says {head.sequence}")
        self._report.unsigned_entries += max(0, expected - self._covered.get(head.chain, 0))

    async def _walk_checkpoints(self, anchor: Anchor | None) -> None:
        previous, number = GENESIS, 0
        anchored = anchor is None
        async for checkpoint in store.checkpoints(self._engine):
            number += 1
            await self._check(checkpoint, number, previous)
            if anchor and anchor.number == checkpoint.number:
                anchored = anchor.hash == checkpoint.hash.hex()
            previous = checkpoint.hash
        self._report.checkpoints = number
        if not anchored:
            self._report.found("the anchor outside the database names a checkpoint that the database does not have")

    async def _check(self, checkpoint: Checkpoint, number: int, previous: bytes) -> None:
        name = f"checkpoint {checkpoint.number}"
        try:
            body = msgspec.json.decode(checkpoint.body, type=CheckpointBody)
            key = await self._public_key(checkpoint.key_id)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with it, it is a finding
            self._report.found(f"{name}: cannot be read ({type(error).__name__})")
            return
        digest = checkpoint_hash(checkpoint.body)
        if digest != checkpoint.hash or not signing.verify(key, digest, checkpoint.signature):
            self._report.found(f"{name}: its signature does not fit")
        if (body.vault_id, body.number, body.previous) != (self._vault_id, number, previous.hex()):
            self._report.found(f"{name}: does not follow the checkpoint before it")
        for chain, sequence, digest_hex in body.heads:
            stored = await store.hash_at(self._engine, chain, sequence)
            if stored is None or stored.hex() != digest_hex:
                self._report.found(f"{name}: chain {chain} no longer has the entry {sequence} that was signed")
            self._covered[chain] = max(sequence, self._covered.get(chain, 0))

    def _find_missing_chains(self, present: set[str]) -> None:
        for chain in sorted(self._covered.keys() - present):
            self._report.found(f"chain {chain}: was signed, and is gone")
