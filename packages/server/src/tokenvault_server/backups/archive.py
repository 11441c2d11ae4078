"""Writes and reads backups: a tar archive inside an age file, streamed in both directions.

The archive has `manifest.json`, its MAC `manifest.mac`, and the file of each store, in this order.
"""

from __future__ import annotations

import os
import secrets
import tarfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from tokenvault_server.backups.age import Identity, decrypting, encrypt
from tokenvault_server.backups.manifest import Manifest, StorePart, read
from tokenvault_server.errors import SettingsError, StoreError
from tokenvault_server.files import sync_folder
from tokenvault_server.keys.kek import KeyEncryptionKey

MANIFEST: Final = "manifest.json"
MAC: Final = "manifest.mac"
_LARGEST_MANIFEST: Final = 1_000_000
_PIECE: Final = 1 << 16


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = sha256()
    for piece in _pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def check_target(path: Path) -> None:
    """Check that a backup can be written to a file.

    Raises:
        SettingsError: the file exists, or its directory does not.
    """
    if path.exists():
        raise _exists(path)
    if not path.parent.is_dir():
        raise SettingsError(f"there is no directory {path.parent}", hint="make it first, for you alone: mode 0700")


def write(target: Path, recipient: str, manifest: bytes, mac: bytes, parts: Iterable[Path]) -> int:
    """Write a backup, completely or not at all, with mode 0600; return its size.

    Raises:
        SettingsError: the file exists.
        OSError: the file cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            encrypt(_tar(manifest, mac, parts), file, recipient)
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, target)  # unlike a rename, it never replaces a file
    except FileExistsError:
        raise _exists(target) from None
    finally:
        temporary.unlink()
    sync_folder(target)
    return target.stat().st_size


class Backup:
    """A backup that is read once, from its beginning to its end."""

    def __init__(self, path: Path, identity: Identity) -> None:
        """Read the file `path` with a recovery key."""
        self._path = path
        self._identity = identity

    async def manifest(self, kek: KeyEncryptionKey) -> Manifest:
        """Return the manifest, which the master key authenticates.

        Raises:
            SettingsError: it is encrypted to another recovery key.
            StoreError: the file is no backup, of another format, or altered.
            KeyUnavailableError: the master key is that of another vault.
        """
        try:
            with self._path.open("rb"):
                pass
        except OSError as error:
            raise SettingsError(f"the backup cannot be read: {self._path}", hint=error.strerror or "") from None
        encoded, mac = self._head()
        return await read(encoded, mac, kek)

    def extract(self, manifest: Manifest, folder: Path | None) -> dict[str, Path]:
        """Write the file of each store into a folder, by the name of the store; with None, only check them.

        Raises:
            StoreError: the file was altered or cut off.
        """
        found: dict[str, Path] = {}
        try:
            with decrypting(self._path, self._identity) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                _member(archive, MANIFEST)
                _member(archive, MAC)
                for part in manifest.stores:
                    member = _member(archive, part.file)
                    path = folder / part.file if folder else None
                    _copy(archive, member, part, path)
                    if path:
                        found[part.name] = path
        except tarfile.TarError:
            raise _altered() from None
        return found

    def _head(self) -> tuple[bytes, bytes]:
        """Return the manifest and its MAC. Reading ends there: the rest is checked when it is extracted."""
        try:
            with (
                decrypting(self._path, self._identity, whole=False) as stream,
                tarfile.open(fileobj=stream, mode="r|") as archive,
            ):
                return tuple(_content(archive, _member(archive, name)) for name in (MANIFEST, MAC))  # type: ignore[return-value]
        except tarfile.TarError:
            raise _altered() from None


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, part: StorePart, path: Path | None) -> None:
    """Copy a file out of the archive and compare it with the manifest."""
    source = archive.extractfile(member)
    if source is None or member.size != part.size:
        raise _altered()
    digest = sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") if path else open(os.devnull, "wb") as target:  # noqa: PTH123  # no file
        while piece := source.read(_PIECE):
            digest.update(piece)
            target.write(piece)
        target.flush()
        if path:
            os.fsync(target.fileno())
    if digest.hexdigest() != part.sha256:
        raise _altered()


def _member(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """Return the next member, which must be this regular file."""
    member = archive.next()
    if member is None or member.name != name or not member.isreg():
        raise _altered()
    return member


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = archive.extractfile(member)
    if source is None or member.size > _LARGEST_MANIFEST:
        raise _altered()
    return source.read()


def _tar(manifest: bytes, mac: bytes, parts: Iterable[Path]) -> Iterator[bytes]:
    """Yield a tar archive (POSIX.1-2001, pax)."""
    for name, content in ((MANIFEST, manifest), (MAC, mac)):
        yield _header(name, len(content))
        yield content
        yield _padding(len(content))
    for path in parts:
        size = path.stat().st_size
        yield _header(path.name, size)
        yield from _pieces(path)
        yield _padding(size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _exists(path: Path) -> SettingsError:
    return SettingsError(f"there is a file already: {path}", hint="give each backup a name of its own")


def _altered() -> StoreError:
    return StoreError("the backup was altered", hint="its parts are not those that the vault wrote")
