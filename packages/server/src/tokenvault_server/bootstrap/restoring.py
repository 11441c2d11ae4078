"""Restore a vault from a backup into empty stores, such that nothing that it issues repeats what another vault issued.

A store that was loaded has no name until the restore is nearly done, and a store without a name is not served. So a
restore that was killed leaves nothing that anybody could use by mistake, and the next one may discard it. The order:

1. The backup is read to its end and checked, before any store is touched.
2. Every store is loaded, still without its name, and the audit trail is verified.
3. The token services are stepped and named, each in one transaction.
4. The restore is recorded, signed and anchored.
5. The vault's own store is named. From now on it can be served.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenvault_server.backups.age import Identity
from tokenvault_server.backups.archive import Backup
from tokenvault_server.backups.manifest import Manifest, StorePart
from tokenvault_server.bootstrap.assembly import key_provider
from tokenvault_server.bootstrap.vault import anchor_file
from tokenvault_server.bootstrap.vault_stores import VAULT, VaultStore, private_folder, stores_of
from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import SchemaMissingError, SettingsError, StoreError, VaultError
from tokenvault_server.keys import signing
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local.setup import KEYS
from tokenvault_server.tsp.local.stepping import Name, draw
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.audit_verification import AuditReport, AuditVerification
from tokenvault_server.vault.backup_entries import record_restore
from tokenvault_server.vault.initialisation import OWN_KEYS
from tokenvault_server.vault.row_tags import RowTags

Notify = Callable[[str], None]
"""Receives the name of each step when it begins."""

_FOLDER: Final = ".tokenvault-restore"
_FORCE: Final = "find out what happened; --force restores it all the same, and records that"


def _nothing(_step: str) -> None:
    """Notify nobody."""


@dataclass(frozen=True, slots=True)
class RestoredVault:
    """A vault that was restored."""

    manifest: Manifest
    report: AuditReport
    psn_step: int
    """How many sequence numbers further every token begins."""
    exhausted: int
    """Tokens that had no sequence number left: they issue no cryptogram any more."""


class Restoration:
    """One restore, or only the check of a backup."""

    def __init__(self, path: Path, identity: Identity, settings: Settings, clock: Clock) -> None:
        """Restore the backup `path` into the stores of `settings`.

        Raises:
            SettingsError: a setting cannot be used.
        """
        self._backup = Backup(path, identity)
        self._settings = settings
        self._clock = clock
        self._kek: KeyEncryptionKey = key_provider(settings)
        self._stores = stores_of(settings)

    async def check(self) -> Manifest:
        """Read the whole backup, compare it with its manifest and with this software, and write nothing.

        Raises:
            SettingsError: it is encrypted to another key, or does not fit the stores of the settings.
            StoreError: it was altered or cut off, or is of another version.
            KeyUnavailableError: the master key is that of another vault.
        """
        manifest = await self._backup.manifest(self._kek)
        self._fit(manifest)
        self._backup.extract(manifest, None)
        return manifest

    async def run(self, *, force: bool = False, notify: Notify = _nothing) -> RestoredVault:
        """Restore the vault.

        Args:
            force: whether a vault is restored whose audit trail has findings.
            notify: receives the name of each step when it begins.

        Raises:
            SettingsError: the backup does not fit the stores of the settings, or they hold something.
            StoreError: the backup was altered or cut off, is of another version, or a store cannot be written.
            KeyUnavailableError: the master key is that of another vault.
        """
        notify("read")
        manifest = await self._backup.manifest(self._kek)
        self._fit(manifest)
        await self._check_targets(manifest)
        with _working_folder(self._stores) as folder:
            files = self._backup.extract(manifest, folder)
            try:
                for store in self._stores:
                    notify(f"load {store.name}")
                    await store.clear()  # what a restore that was killed left
                    await store.copies.load(store.url, store.password, files[store.name])
                return await self._finish(manifest, force=force, notify=notify)
            except BaseException:
                await self._undo()
                raise

    def _fit(self, manifest: Manifest) -> None:
        """Check that the backup can be restored into the stores of the settings, by this software."""
        found = {part.name: part for part in manifest.stores}
        wanted = {store.name: store for store in self._stores}
        if found.keys() != wanted.keys():
            raise SettingsError(
                f"the backup has the stores {', '.join(found)}, and the settings have {', '.join(wanted)}",
                hint="use the configuration of the vault that was backed up",
            )
        for name, store in wanted.items():
            part = found[name]
            if part.engine != store.engine_name:
                raise SettingsError(
                    f"the backup of '{name}' is of {part.engine}, and the settings name {store.engine_name}",
                    hint="restore it to the same product; `tokenvault copy` moves a vault to another afterwards",
                )
            if part.migrations != store.migrations:
                raise StoreError(
                    f"the backup is of Tokenvault {manifest.software}, whose schema differs",
                    hint=f"restore it with {manifest.software}; `tokenvault migrate` updates it afterwards",
                )

    async def _check_targets(self, manifest: Manifest) -> None:
        """Check that no store holds anything, except what a restore that was killed left.

        Such a restore leaves the vault's own store without a name. Its token services may have theirs already: they
        were empty when that restore began, so what they hold came from a backup.
        """
        parts = {part.name: part for part in manifest.stores}
        was_interrupted = False
        for store in self._stores:
            if await store.is_empty():
                continue
            name = await self._name_of(store)
            is_left = name is None or (was_interrupted and name == parts[store.name].vault_id)
            if not is_left:
                raise SettingsError(f"the store '{store.name}' is not empty", hint="restore into new, empty databases")
            was_interrupted = was_interrupted or store.name == VAULT

    async def _name_of(self, store: VaultStore) -> str | None:
        """Return the name of a store; None if it has the tables of a vault and no name."""
        engine = await store.open(self._settings)
        try:
            return await KeyTable(engine).vault_id()
        except SchemaMissingError:
            return ""
        finally:
            await engine.close()

    async def _finish(self, manifest: Manifest, *, force: bool, notify: Notify) -> RestoredVault:
        """Verify what was loaded, step it, record the restore, and name the stores."""
        now = self._clock.now()
        async with AsyncExitStack() as closing:
            engines: dict[str, Engine] = {}
            for store in self._stores:
                engines[store.name] = await store.open(self._settings)
                closing.push_async_callback(engines[store.name].close)
            parts = {part.name: part for part in manifest.stores}
            own = parts.pop(VAULT)
            engine = engines[VAULT]
            keyring = await self._keyring(engine, own, [(purpose, "") for purpose in OWN_KEYS])
            keyrings = {name: await self._keyring(engines[name], part, KEYS) for name, part in parts.items()}
            notify("verify")
            report = await self._verify(engine, keyring, VaultId(own.vault_id), now)
            if not (report.intact or force):
                raise StoreError(
                    "the audit trail of the backup is broken: " + "; ".join(report.findings[:5]), hint=_FORCE
                )
            step = draw()
            exhausted = 0
            for name, part in parts.items():
                notify(f"step {name}")
                exhausted += await step.take(engines[name], keyrings[name], _name(part), now)
            notify("record")
            audit = AuditTrail(engine, keyring, VaultId(own.vault_id), self._clock, anchor_file(self._settings))
            details: dict[str, int | str] = {
                "backup_id": manifest.backup_id,
                "made_at": manifest.made_at,
                "checkpoint": manifest.checkpoint,
                "findings": len(report.findings),
                "psn_step": step.psn,
            }
            await record_restore(engine, audit, now, details)
            notify("name")
            await engine.commit(lambda: key_table.name_again(own.vault_id, own.created_at, own.key_changes))
        return RestoredVault(manifest, report, step.psn, exhausted)

    async def _keyring(self, engine: Engine, part: StorePart, keys: Iterable[tuple[Purpose, str]]) -> Keyring:
        """Return the keys of a store, after all that every call needs were unwrapped."""
        keyring = Keyring(self._kek, KeyTable(engine), part.vault_id)
        for purpose, owner in keys:
            await keyring.active(purpose, owner)
        return keyring

    async def _verify(self, engine: Engine, keyring: Keyring, vault_id: VaultId, now: int) -> AuditReport:
        """Verify the audit trail and the row tags, as `tokenvault audit verify --copy` does, without an anchor."""

        async def public_key(key_id: int) -> bytes:
            return signing.public_key(await keyring.by_id(key_id))

        verification = AuditVerification(
            engine,
            vault_id,
            public_key,
            RowTags(keyring, vault_id),
            now=now,
            signed_within_seconds=2 * self._settings.checkpoint_seconds,
        )
        return await verification.run(is_copy=True)

    async def _undo(self) -> None:
        """Empty the stores after a failure; what cannot be emptied has no name, and the next restore discards it."""
        for store in self._stores:
            with suppress(VaultError, OSError):
                await store.clear()


def _name(part: StorePart) -> Name:
    return Name(part.vault_id, part.created_at, part.key_changes)


@contextmanager
def _working_folder(stores: Iterable[VaultStore]) -> Iterator[Path]:
    """Make a private directory for the files of the backup: beside a store that is a file, to be moved from there."""
    beside = next((store.folder for store in stores if store.folder), None)
    if beside is not None:
        with private_folder(beside / _FOLDER) as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory(prefix=_FOLDER.strip(".") + "-") as name:
            yield Path(name)
