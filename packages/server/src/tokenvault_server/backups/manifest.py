"""The manifest of a backup: what is in it, authenticated by a key that only the vault's master key opens.

Anybody can encrypt to a recovery key, because it is public. So the manifest has a MAC (HMAC-SHA-256) under a key of its
own, which the master key wraps. Nothing else in a backup is used before this MAC and the digests are right: a dump is
a program for the database that loads it.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Final

import msgspec

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError, StoreError
from tokenvault_server.keys.kek import KeyContext, KeyEncryptionKey

FORMAT: Final = 1
_NO_MANIFEST: Final = "the file is no backup of a vault"


class StorePart(msgspec.Struct, frozen=True):
    """One store of the vault."""

    name: str
    """`store`, `tsp_store`, or `tsp.NAME` for a further built-in token service."""
    engine: str
    """The product: `SQLite` or `PostgreSQL`."""
    file: str
    """The name in the archive."""
    size: int
    sha256: str
    vault_id: str
    """The row that names the store. The copy lacks it, so that nobody serves a copy that was not restored."""
    created_at: int
    key_changes: int
    migrations: tuple[str, ...]
    """The checksums of all migrations, in order."""


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup."""

    format: int
    software: str
    """The version of Tokenvault."""
    backup_id: str
    vault_id: str
    made_at: int
    """Microseconds since 1970."""
    checkpoint: int
    """The number of the newest audit checkpoint in the backup; 0 without one."""
    checkpoint_hash: str
    wrapped_key: str
    """The key of the MAC, wrapped by the master key, in hex."""
    stores: tuple[StorePart, ...]


class _Format(msgspec.Struct):
    format: int
    software: str = ""


async def authenticate(manifest: Manifest, kek: KeyEncryptionKey) -> tuple[bytes, bytes]:
    """Return the manifest with a new key, as bytes, and its MAC in hex."""
    key = secrets.token_bytes(32)
    wrapped = await kek.wrap(key, _context(manifest.vault_id))
    encoded = msgspec.json.encode(msgspec.structs.replace(manifest, wrapped_key=wrapped.hex()))
    return encoded, _mac(key, encoded)


async def read(encoded: bytes, mac: bytes, kek: KeyEncryptionKey) -> Manifest:
    """Return an authentic manifest.

    Raises:
        StoreError: it is of another format, or was not made by the vault.
        KeyUnavailableError: the master key is that of another vault.
    """
    manifest = _decoded(encoded)
    try:
        key = await kek.unwrap(bytes.fromhex(manifest.wrapped_key), _context(manifest.vault_id))
    except (KeyUnavailableError, ValueError):
        raise KeyUnavailableError(
            hint=f"the backup is of vault {manifest.vault_id}, and this master key is not that vault's"
        ) from None
    if not hmac.compare_digest(_mac(key, encoded), mac):
        raise StoreError("the backup was altered", hint="its manifest is not the one that the vault made")
    return manifest


def _decoded(encoded: bytes) -> Manifest:
    try:
        head = msgspec.json.decode(encoded, type=_Format)
    except msgspec.MsgspecError:
        raise StoreError(_NO_MANIFEST) from None
    if head.format != FORMAT:
        raise StoreError(
            f"the backup has format {head.format}, and this version reads format {FORMAT}",
            hint=f"restore it with Tokenvault {head.software}",
        )
    try:
        return msgspec.json.decode(encoded, type=Manifest)
    except msgspec.MsgspecError:
        raise StoreError(_NO_MANIFEST) from None


def _context(vault_id: str) -> KeyContext:
    return KeyContext(vault_id, Purpose.BACKUP, "", 1)


def _mac(key: bytes, encoded: bytes) -> bytes:
    return hmac.new(key, encoded, sha256).hexdigest().encode()
