"""Walks the audit chains and says whether anybody has touched them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.errors import StoreError
from tokenvault_server.keys import signing
from tokenvault_server.store import anchor as anchors
from tokenvault_server.store import audit as store
from tokenvault_server.store.audit import Checkpoint, Link
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
        self._hashes: dict[int, bytes] = {}

    async def run(self, anchor_file: Path | None = None) -> AuditReport:
        """Walk everything and give the report; with `anchor_file`, hold the checkpoints against it too."""
        await self._walk_checkpoints()
        if anchor_file is not None:
            self._compare(anchor_file)
        chains = await store.chains(self._engine)
        for chain in chains:
            await self._walk_chain(chain)
        self._find_missing_chains(set(chains))
        self._report.chains = len(chains)
        return self._report

    async def _walk_chain(self, chain: str) -> None:
        """Walk a chain to its end, which may move on meanwhile, and compare it with its head."""
        last = Link(0, b"", GENESIS)
        while True:
            reached = await self._walk_on(chain, last)
            head = await store.head(self._engine, chain)
            if reached.sequence == last.sequence or head is None or head.sequence <= reached.sequence:
                break
            last = reached
        if head is None or (head.sequence, head.hash) != (reached.sequence, reached.hash):
            self._report.found(f"chain {chain}: ends at entry {reached.sequence}, its head says otherwise")
        self._report.unsigned_entries += max(0, reached.sequence - self._covered.get(chain, 0))

    async def _walk_on(self, chain: str, last: Link) -> Link:
        """Walk the entries after `last` and give the one that was reached."""
        async for link in store.walk(self._engine, chain, last.sequence):
            if link.sequence != last.sequence + 1:
                self._report.found(f"chain {chain}: entries {last.sequence + 1} to {link.sequence - 1} are missing")
            elif not self._follows(chain, last, link):
                self._report.found(f"chain {chain}: entry {link.sequence} was altered, or an entry before it")
            last = link
            self._report.entries += 1
        return last

    def _follows(self, chain: str, last: Link, link: Link) -> bool:
        try:
            return entry_hash(self._vault_id, chain, link.sequence, last.hash, link.entry) == link.hash
        except (TypeError, OverflowError):
            return False  # SQLite lets a forger write any type and length into a column

    async def _walk_checkpoints(self) -> None:
        previous, number = GENESIS, 0
        async for checkpoint in store.checkpoints(self._engine):
            number += 1
            await self._check(checkpoint, number, previous)
            previous = checkpoint.hash
            self._hashes[checkpoint.number] = checkpoint.hash
        self._report.checkpoints = number

    def _compare(self, anchor_file: Path) -> None:
        """Hold the checkpoints against the newest one that was noted outside the database."""
        try:
            anchor = anchors.read(anchor_file)
        except StoreError as error:
            self._report.found(error.message)
            return
        if anchor is None:
            if self._hashes:
                self._report.found("the anchor file is missing although checkpoints were made")
        elif self._hashes.get(anchor.number, b"").hex() != anchor.hash:
            self._report.found("the anchor file names a checkpoint that the database does not have")

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
