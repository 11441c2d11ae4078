"""The audit trail: one hash chain for each merchant and one for the vault, with signed checkpoints over their heads.

How an entry is appended, inside the transaction of the act that it records:

1. The chain's head row is locked, and its sequence number increased. Other writers of this chain wait.
2. The entry's hash covers the vault, the chain, the sequence number, the hash before it and the entry's bytes. Each
   part is preceded by its length. An entry cannot be altered, moved, left out or inserted without breaking every hash
   after it.
3. Entry and hash are inserted, and the head gets the new hash.

Checkpoints over the heads are made by `vault/checkpoints.py`, and the anchor is kept by `vault/audit_anchor.py`.
"""

from __future__ import annotations

from pathlib import Path

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import InvalidFieldError, SettingsError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import audit as store
from tokenvault_server.store.audit import Link
from tokenvault_server.tsp.answers import is_text
from tokenvault_server.vault.audit_anchor import AuditAnchor
from tokenvault_server.vault.audit_format import GENESIS, act_of, encode_entry, entry_hash
from tokenvault_server.vault.checkpoints import Checkpoints


class AuditTrail:
    """Appends to the chains and signs checkpoints over them."""

    def __init__(
        self, engine: Engine, keyring: Keyring, vault_id: VaultId, clock: Clock, anchor: Path | None = None
    ) -> None:
        """Append to the chains in `engine`.

        `anchor` is the file for the newest checkpoint; None for a vault that does not outlive its process.
        """
        self._engine = engine
        self._vault_id = vault_id
        self._clock = clock
        self._appended: set[str] | None = None
        self.checkpoints = Checkpoints(engine, keyring, vault_id, clock)
        self.anchor = AuditAnchor(engine, anchor)

    @property
    def own_chain(self) -> str:
        """The chain of acts that concern no merchant. Its name is the vault's id."""
        return self._vault_id

    def append(self, chain: str, entry: AuditEntry) -> Work[None]:
        """Append an entry to a chain, inside the transaction of the act that it records."""
        encoded = encode_entry(entry)
        sequence, previous = yield from store.next_sequence(chain, GENESIS)
        digest = entry_hash(self._vault_id, chain, sequence, previous, encoded)
        yield from store.insert_entry(chain, Link(sequence, encoded, digest))
        if self._appended is not None:
            self._appended.add(chain)

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
        """Record the initialisation of a new vault, sign it and create the anchor.

        From then on the anchor exists: if it is missing later, somebody removed it.
        """
        if await store.head(self._engine, self.own_chain) is not None:
            return
        is_new = await store.newest_checkpoint(self._engine) is None
        details: dict[str, int | str] = {"row_tags": 1}  # the rows of this vault have tags from the start
        entry = AuditEntry(at=self._clock.now(), action=Action.VAULT_INITIALISED, actor="vault", details=details)
        await self._engine.commit(lambda: self.append(self.own_chain, entry))
        await self.checkpoints.sign_all()
        if is_new:
            await self.anchor.create()

    async def acts_on_rows(self) -> list[dict[str, int | str]]:
        """Return what the vault's own chain says of the first tags of its rows, oldest first."""
        recorded = [act_of(link.entry) async for link in store.entries(self._engine, self.own_chain)]
        return [act.details for act in recorded if act.action in {Action.VAULT_INITIALISED, Action.ROWS_TAGGED}]

    async def checkpoint(self) -> bool:
        """Sign the heads that are not signed, and move the anchor forward; return whether a checkpoint was made."""
        made = await self.checkpoints.sign_all()
        await self.anchor.follow()
        return made

    async def renew_anchor(self, reason: str, finding_count: int, actor: str) -> None:
        """Make an anchor of the newest checkpoint, whatever the old one says, and record that.

        Args:
            reason: the operator's reason, up to 100 printable characters.
            finding_count: how many findings the verification of the trail had just before.
            actor: whoever makes it.

        Raises:
            SettingsError: the vault has no anchor.
            InvalidFieldError: the reason cannot be recorded.
        """
        if not self.anchor.is_configured:
            raise SettingsError("the vault has no anchor", hint="set audit_anchor to the path of a file")
        if not is_text(reason):
            raise InvalidFieldError("reason", "has up to 100 printable characters and no card number")
        was = await self.anchor.compare()
        details: dict[str, int | str] = {"reason": reason, "was": was.value, "findings": finding_count}
        entry = AuditEntry(at=self._clock.now(), action=Action.ANCHOR_RENEWED, actor=actor, details=details)
        await self._engine.commit(lambda: self.append(self.own_chain, entry))
        await self.checkpoints.sign({self.own_chain})
        await self.anchor.create()

    def keep_chains(self) -> None:
        """Keep the names of the chains that are appended to from now on, for `sign_appended`."""
        self._appended = set()

    async def sign_appended(self) -> None:
        """Sign the chains that this process appended to since `keep_chains`, and move the anchor forward.

        A command does so at its end, so that it leaves nothing unsigned although it reads no other chain.
        """
        chains, self._appended = self._appended, None
        if chains:
            await self.checkpoints.sign(chains)
            await self.anchor.follow()
