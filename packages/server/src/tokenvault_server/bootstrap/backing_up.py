"""Back up a vault while it serves: one file, encrypted to a recovery key.

The order is what makes the copies fit together. A token service spends a counter value, durably, before the vault
counts its cryptogram, and makes a token before the vault saves its card. So the state of the vault is fixed first and
those of its token services right after it: they know every value and token that the vault knows.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenvault_server.backups import archive
from tokenvault_server.backups.age import check_recipient
from tokenvault_server.backups.manifest import FORMAT, Manifest, StorePart, authenticate
from tokenvault_server.bootstrap.vault import Vault
from tokenvault_server.bootstrap.vault_stores import VaultStore, private_folder, stores_of
from tokenvault_server.database.kind import Snapshot
from tokenvault_server.domain.identifiers import prefixed
from tokenvault_server.errors import StoreError
from tokenvault_server.vault.backup_entries import record_backup

_NAME: Final = "SELECT vault_id, created_at, key_changes FROM vault"
_MIGRATIONS: Final = "SELECT checksum FROM schema_migrations ORDER BY number"
_CHECKPOINT: Final = "SELECT number, hash FROM audit_checkpoints ORDER BY number DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A backup that was made."""

    manifest: Manifest
    size: int
    """Bytes of the encrypted file."""


async def back_up(vault: Vault, target: Path, recovery_key: str, software: str) -> MadeBackup:
    """Write a backup to a new file.

    Args:
        vault: the open vault.
        target: the file. Temporary files are in a private directory beside it, and as large as the databases.
        recovery_key: the public half of the key that opens it.
        software: the version of Tokenvault.

    Raises:
        SettingsError: the file exists, the key is none, or a program that the copy needs is not installed.
        StoreError: a store cannot be copied.
    """
    check_recipient(recovery_key)
    archive.check_target(target)
    stores = stores_of(vault.settings)
    made_at = vault.clock.now()
    backup_id = prefixed("bak", made_at)
    await record_backup(vault.engine, vault.audit, made_at, backup_id, recovery_key)
    with private_folder(target.with_name(f".{target.name}.partial")) as folder:
        async with AsyncExitStack() as held:
            snapshots = [await held.enter_async_context(store.snapshot()) for store in stores]
            checkpoint, digest = await _checkpoint(snapshots[0])
            parts = [await _copied(store, taken, folder) for store, taken in zip(stores, snapshots, strict=True)]
        manifest = Manifest(
            format=FORMAT,
            software=software,
            backup_id=backup_id,
            vault_id=vault.vault_id,
            made_at=made_at,
            checkpoint=checkpoint,
            checkpoint_hash=digest.hex(),
            wrapped_key="",
            stores=tuple(parts),
        )
        encoded, mac = await authenticate(manifest, vault.kek)
        size = archive.write(target, recovery_key, encoded, mac, [folder / part.file for part in parts])
    return MadeBackup(manifest, size)


async def _checkpoint(snapshot: Snapshot) -> tuple[int, bytes]:
    rows = await snapshot.read(_CHECKPOINT)
    return (rows[0][0], bytes(rows[0][1])) if rows else (0, b"")


async def _copied(store: VaultStore, snapshot: Snapshot, folder: Path) -> StorePart:
    """Copy a store from its snapshot; return its entry in the manifest."""
    names = await snapshot.read(_NAME)
    if not names:
        raise StoreError(f"the store '{store.name}' contains no vault")
    migrations = tuple(checksum for (checksum,) in await snapshot.read(_MIGRATIONS))
    if set(migrations) - set(store.migrations):
        # It may have tables that this version does not know, and would leave out.
        raise StoreError("the database is of a newer version of Tokenvault", hint="back it up with that version")
    vault_id, created_at, key_changes = names[0]
    path = folder / f"{store.name}.{store.copies.suffix}"
    path.touch(mode=0o600)
    await snapshot.write(path, store.tables)
    return StorePart(
        name=store.name,
        engine=store.engine_name,
        file=path.name,
        size=path.stat().st_size,
        sha256=archive.digest_of(path),
        vault_id=vault_id,
        created_at=created_at,
        key_changes=key_changes,
        migrations=migrations,
    )
