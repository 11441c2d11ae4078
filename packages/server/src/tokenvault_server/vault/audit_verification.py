"""Verifies the audit chains, the checkpoints over them and the anchor."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.clock import DAY
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.errors import StoreError
from tokenvault_server.keys import signing
from tokenvault_server.store import anchor as anchors
from tokenvault_server.store import audit as store
from tokenvault_server.store.audit import Checkpoint, Link
from tokenvault_server.vault import protected_rows
from tokenvault_server.vault.audit_format import GENESIS, CheckpointBody, checkpoint_hash, entry_hash, time_of
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


class _Unsigned:
    """The entries of one chain that no checkpoint signs: the oldest, the newest and one that says no time."""

    __slots__ = ("newest", "oldest", "timeless")

    def __init__(self) -> None:
        self.oldest = (sys.maxsize, 0)
        self.newest = (0, 0)
        self.timeless = 0

    def add(self, link: Link) -> None:
        at = time_of(link.entry)
        if at is None:
            self.timeless = self.timeless or link.sequence
        else:
            self.oldest = min(self.oldest, (at, link.sequence))
            self.newest = max(self.newest, (at, link.sequence))

    def wrong(self, earliest: int, latest: int) -> int:
        """Return the place of an entry that was not written between these times; 0 if all were."""
        if self.timeless:
            return self.timeless
        if self.oldest[0] < earliest:
            return self.oldest[1]
        return self.newest[1] if self.newest[0] > latest else 0


class AuditVerification:
    """One verification of every chain, every checkpoint and the anchor."""

    def __init__(
        self,
        engine: Engine,
        vault_id: VaultId,
        public_key: Callable[[int], Awaitable[bytes]],
        row_tags: RowTags,
        *,
        now: int,
        signed_within_seconds: float,
        page_size: int = store.PAGE,
        checkpoint_page_size: int = store.CHECKPOINT_PAGE,
    ) -> None:
        """Verify the trail in `engine`.

        Args:
            engine: the vault's database.
            vault_id: whose trail it must be.
            public_key: returns the Ed25519 public key of a key id.
            row_tags: checks the tags of rows.
            now: microseconds since 1970. An entry may lie as far in the future as in the past, because the clocks of
                servers differ.
            signed_within_seconds: an older entry without a signature is a finding.
            page_size: how many entries are read at once.
            checkpoint_page_size: how many checkpoints are read at once.
        """
        self._engine = engine
        self._reconciliation = Reconciliation(engine, row_tags)
        self._vault_id = vault_id
        self._public_key = public_key
        self._page_size = page_size
        self._checkpoint_page_size = checkpoint_page_size
        self._now = now
        self._signed_within = int(signed_within_seconds * 1_000_000)
        self._unsigned: dict[str, _Unsigned] = {}
        self._newest_checkpoint_at = 0
        self._report = AuditReport()
        self._covered: dict[str, int] = {}
        self._hashes: dict[int, bytes] = {}

    async def run(self, anchor_file: Path | None = None, *, is_copy: bool = False) -> AuditReport:
        """Verify the trail and return the report.

        Args:
            anchor_file: the anchor that the checkpoints are compared with; None to leave it out.
            is_copy: whether nobody signs this database any more: the age of entries without a signature is then
                measured from the newest one, and not from now.
        """
        await self._verify_checkpoints()
        if anchor_file is not None:
            self._compare_with_anchor(anchor_file)
        chains = await store.chains(self._engine, self._page_size)
        merchants = await protected_rows.chains(self._engine)
        for chain in dict.fromkeys((*chains, *merchants)):
            try:
                await self._verify_chain(chain)
            except (TypeError, AttributeError) as error:
                # SQLite stores values of any type in any column: an attacker may use that.
                self._report.add(f"chain {chain}: holds a value that was never written ({type(error).__name__})")
        self._check_unsigned(is_copy=is_copy)
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
        for problem in (*history.repeated, *await self._reconciliation.rows_apart(chain, self._now + DAY)):
            self._report.add(f"chain {chain}: {problem}")

    async def _verify_entries(self, chain: str, last: Link, history: ChainHistory) -> Link:
        """Verify the entries after `last` and return the last one."""
        signed = self._covered.get(chain, 0)
        async for link in store.entries(self._engine, chain, last.sequence, self._page_size):
            if link.sequence != last.sequence + 1:
                self._report.add(f"chain {chain}: entries {last.sequence + 1} to {link.sequence - 1} are missing")
            elif not self._follows(chain, last, link):
                self._report.add(f"chain {chain}: entry {link.sequence} was altered, or an entry before it")
            if link.sequence > signed:
                self._unsigned.setdefault(chain, _Unsigned()).add(link)
            last = link
            self._read(chain, link, history)
            self._report.entries += 1
        return last

    def _check_unsigned(self, *, is_copy: bool) -> None:
        """Report the entries that should have been signed by now, or when this copy was made."""
        latest = self._now + self._signed_within
        written = [unsigned.newest[0] for unsigned in self._unsigned.values()]
        reference = max((self._newest_checkpoint_at, *written)) if is_copy else self._now
        for chain, unsigned in self._unsigned.items():
            late = unsigned.wrong(reference - self._signed_within, latest)
            if late:
                self._report.add(f"chain {chain}: entry {late} should have been signed by now")

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
            return
        stored = self._hashes.get(anchor.number)
        if not isinstance(stored, bytes) or stored.hex() != anchor.hash:
            self._report.add("the anchor file holds a checkpoint that the database does not have")

    async def _verify_checkpoint(self, checkpoint: Checkpoint, number: int, previous: bytes) -> None:
        name = f"checkpoint {checkpoint.number}"
        try:
            body = msgspec.json.decode(checkpoint.body, type=CheckpointBody)
            key = await self._public_key(checkpoint.key_id)
            digest = checkpoint_hash(checkpoint.body)
            is_signed = digest == checkpoint.hash and signing.verify(key, digest, checkpoint.signature)
            follows = (body.vault_id, body.number, body.previous) == (self._vault_id, number, previous.hex())
        except Exception as error:  # noqa: BLE001  # any error is a finding
            self._report.add(f"{name}: cannot be read ({type(error).__name__})")
            return
        if not follows:
            self._report.add(f"{name}: does not follow the checkpoint before it")
        if not is_signed:
            self._report.add(f"{name}: its signature is not valid")
            return  # it signs nothing
        self._newest_checkpoint_at = max(body.at, self._newest_checkpoint_at)
        for chain, sequence, digest_hex in body.heads:
            stored = await store.hash_at(self._engine, chain, sequence)
            if not isinstance(stored, bytes) or stored.hex() != digest_hex:
                self._report.add(f"{name}: chain {chain} no longer has the entry {sequence} that was signed")
            self._covered[chain] = max(sequence, self._covered.get(chain, 0))

    def _check_missing_chains(self, present: set[str]) -> None:
        for chain in sorted(self._covered.keys() - present):
            self._report.add(f"chain {chain}: was signed, and is missing")
