"""Verifies the audit chains, the checkpoints over them and the anchor."""

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
from tokenvault_server.vault import protected_rows
from tokenvault_server.vault.audit import GENESIS, CheckpointBody, checkpoint_hash, entry_hash
from tokenvault_server.vault.reconciliation import ChainHistory, Reconciliation
from tokenvault_server.vault.row_tags import RowTags

_MAX_FINDINGS = 100
_LOOKS = 20
"""How often rows that differ are read again on a chain that grows meanwhile."""


class _Entry(msgspec.Struct):
    """What reconciliation needs of an entry."""

    action: str = ""
    instrument_id: str = ""
    details: dict[str, int | str] = {}


_decode_entry = msgspec.json.Decoder(_Entry).decode


@dataclass(slots=True)
class AuditReport:
    """The result of a verification of the audit trail."""

    chains: int = 0
    entries: int = 0
    checkpoints: int = 0
    rows: int = 0
    """Rows that were compared with the chains: those that decide what a caller may do, and saved cards."""
    unsigned_entries: int = 0
    """Entries that are newer than the last checkpoint of their chain: chained, but not signed yet."""
    findings: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether there is no finding."""
        return not self.findings

    def add(self, finding: str) -> None:
        """Add a finding, up to a hundred: more would not help an operator."""
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(finding)


class AuditVerification:
    """One verification of every chain, every checkpoint and the anchor."""

    def __init__(
        self,
        engine: Engine,
        vault_id: VaultId,
        public_key: Callable[[int], Awaitable[bytes]],
        row_tags: RowTags,
        *,
        page_size: int = store.PAGE,
        checkpoint_page_size: int = store.CHECKPOINT_PAGE,
    ) -> None:
        """Verify the trail in `engine`; `public_key` returns the Ed25519 public key of a key id."""
        self._engine = engine
        self._reconciliation = Reconciliation(engine, row_tags)
        self._vault_id = vault_id
        self._public_key = public_key
        self._page_size = page_size
        self._checkpoint_page_size = checkpoint_page_size
        self._report = AuditReport()
        self._covered: dict[str, int] = {}
        self._hashes: dict[int, bytes] = {}

    async def run(self, anchor_file: Path | None = None) -> AuditReport:
        """Verify the trail and return the report; with `anchor_file`, compare the checkpoints with the anchor too."""
        await self._verify_checkpoints()
        if anchor_file is not None:
            self._compare_with_anchor(anchor_file)
        chains = await store.chains(self._engine, self._page_size)
        merchants = await protected_rows.chains(self._engine)
        for chain in dict.fromkeys((*chains, *merchants)):
            await self._verify_chain(chain)
        self._check_missing_chains(set(chains))
        self._report.chains = len(chains)
        self._report.rows = self._reconciliation.row_count
        return self._report

    async def _verify_chain(self, chain: str) -> None:
        """Verify a chain to its end, compare its last entry with its head, and its entries with the rows."""
        history = ChainHistory()
        reached = await self._read_to_end(chain, Link(0, b"", GENESIS), history)
        self._report.unsigned_entries += max(0, reached.sequence - self._covered.get(chain, 0))
        await self._compare_rows(chain, reached, history)

    async def _read_to_end(self, chain: str, last: Link, history: ChainHistory) -> Link:
        """Verify the entries after `last` until the head is reached; return the last one."""
        while True:
            reached = await self._verify_entries(chain, last, history)
            head = await store.head(self._engine, chain)
            # Entries that were appended since the last page was read moved the head: go on until it is reached, or
            # until there are no more entries.
            if reached.sequence == last.sequence or head is None or head.sequence <= reached.sequence:
                break
            last = reached
        if head is None or (head.sequence, head.hash) != (reached.sequence, reached.hash):
            self._report.add(f"chain {chain}: ends at entry {reached.sequence}, which does not match its head")
        return reached

    async def _compare_rows(self, chain: str, last: Link, history: ChainHistory) -> None:
        """Compare the rows of a chain with its entries, while other calls may act.

        A difference counts when no entry was added between the moment at which the history was read and the moment
        after the row was read. On a chain that never rests, it counts when it is still there after many attempts.
        """
        wrong = await self._reconciliation.differences(chain, history)
        for _ in range(_LOOKS):
            if not wrong:
                break
            reached = await self._read_to_end(chain, last, history)
            if reached.sequence == last.sequence:
                break
            last = reached
            wrong = await self._reconciliation.look_again(chain, wrong, history)
        for name, problem in sorted(wrong.items()):
            self._report.add(f"chain {chain}: {name.replace('/', ' ', 1)} {problem}")
        for problem in (*history.repeated, *await self._reconciliation.rows_apart(chain)):
            self._report.add(f"chain {chain}: {problem}")

    async def _verify_entries(self, chain: str, last: Link, history: ChainHistory) -> Link:
        """Verify the entries after `last` and return the last one."""
        async for link in store.entries(self._engine, chain, last.sequence, self._page_size):
            if link.sequence != last.sequence + 1:
                self._report.add(f"chain {chain}: entries {last.sequence + 1} to {link.sequence - 1} are missing")
            elif not self._follows(chain, last, link):
                self._report.add(f"chain {chain}: entry {link.sequence} was altered, or an entry before it")
            last = link
            self._read(chain, link, history)
            self._report.entries += 1
        return last

    def _read(self, chain: str, link: Link, history: ChainHistory) -> None:
        """Add an entry to the history of its chain."""
        try:
            entry = _decode_entry(link.entry)
        except (msgspec.MsgspecError, TypeError):
            self._report.add(f"chain {chain}: entry {link.sequence} cannot be read")
            return
        history.read(entry.action, entry.instrument_id, entry.details)

    def _follows(self, chain: str, last: Link, link: Link) -> bool:
        try:
            return entry_hash(self._vault_id, chain, link.sequence, last.hash, link.entry) == link.hash
        except (TypeError, OverflowError):
            return False  # SQLite stores values of any type and length in any column: an attacker may use that

    async def _verify_checkpoints(self) -> None:
        previous, number = GENESIS, 0
        async for checkpoint in store.checkpoints(self._engine, self._checkpoint_page_size):
            number += 1
            await self._verify_checkpoint(checkpoint, number, previous)
            previous = checkpoint.hash
            self._hashes[checkpoint.number] = checkpoint.hash
        self._report.checkpoints = number

    def _compare_with_anchor(self, anchor_file: Path) -> None:
        """Check that the database has the checkpoint that the anchor holds."""
        try:
            anchor = anchors.read(anchor_file)
        except StoreError as error:
            self._report.add(error.message)
            return
        if anchor is None:
            if self._hashes:
                self._report.add("the anchor file is missing although checkpoints were made")
        elif self._hashes.get(anchor.number, b"").hex() != anchor.hash:
            self._report.add("the anchor file holds a checkpoint that the database does not have")

    async def _verify_checkpoint(self, checkpoint: Checkpoint, number: int, previous: bytes) -> None:
        name = f"checkpoint {checkpoint.number}"
        try:
            body = msgspec.json.decode(checkpoint.body, type=CheckpointBody)
            key = await self._public_key(checkpoint.key_id)
        except Exception as error:  # noqa: BLE001  # any error is a finding
            self._report.add(f"{name}: cannot be read ({type(error).__name__})")
            return
        digest = checkpoint_hash(checkpoint.body)
        if digest != checkpoint.hash or not signing.verify(key, digest, checkpoint.signature):
            self._report.add(f"{name}: its signature is not valid")
        if (body.vault_id, body.number, body.previous) != (self._vault_id, number, previous.hex()):
            self._report.add(f"{name}: does not follow the checkpoint before it")
        for chain, sequence, digest_hex in body.heads:
            stored = await store.hash_at(self._engine, chain, sequence)
            if stored is None or stored.hex() != digest_hex:
                self._report.add(f"{name}: chain {chain} no longer has the entry {sequence} that was signed")
            self._covered[chain] = max(sequence, self._covered.get(chain, 0))

    def _check_missing_chains(self, present: set[str]) -> None:
        for chain in sorted(self._covered.keys() - present):
            self._report.add(f"chain {chain}: was signed, and is missing")
