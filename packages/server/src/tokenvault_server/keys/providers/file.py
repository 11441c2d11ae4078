"""A master key in a file that only the vault's own user can read.

The file is JSON: `{"format": 1, "current": 2, "keys": {"1": "<64 hex digits>", "2": "<64 hex digits>"}}`. The current
version wraps, every version unwraps; removing a version makes all that it wrapped unreadable, in backups too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenvault_server import files
from tokenvault_server.domain import randomness
from tokenvault_server.errors import KeyProviderError
from tokenvault_server.keys.kek import KeyContext
from tokenvault_server.keys.providers import wrapping

_FORMAT: Final = 1
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_KEY: Final = re.compile(r"[0-9a-f]{64}")


class FileKek:
    """Wraps under the current master key of a key file."""

    def __init__(self, path: Path) -> None:
        """Read the file; wrapping and unwrapping do not read it again.

        Raises:
            KeyProviderError: the file is missing, other users can read it, or it is not a key file.
        """
        self._path = path
        self.uri = f"file:{path}"
        self.epoch = ""
        current, keys = _read(path)
        self._masters = {wrapping.header(wrapping.KEY_FILE, version): AESGCM(key) for version, key in keys.items()}
        self._header = wrapping.header(wrapping.KEY_FILE, current)
        self._current = self._masters[self._header]
        self.epoch = str(current)

    def __repr__(self) -> str:
        """Show where the master key is, never the key."""
        return f"FileKek({self.uri!r}, epoch={self.epoch!r})"

    async def wrap(self, material: bytes, context: KeyContext) -> bytes:
        """Encrypt `material` under the current version."""
        return wrapping.wrap(self._current, self._header, material, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the material, under whichever version wrapped it."""
        return wrapping.unwrap(self._masters, wrapped, context)

    async def health(self) -> None:
        """Return when the file is in order and still has the version that this process wraps with.

        A newer version in the file is no failure: it is used from the next start on. The file may be on a disk that is
        slow or away, so a thread reads it.
        """
        _, keys = await asyncio.to_thread(_read, self._path)
        if int(self.epoch) not in keys:
            raise KeyProviderError(hint=f"the key file {self._path} no longer has version {self.epoch}")


def create_key_file(path: Path) -> None:
    """Make a key file with one random master key, durable on return. An existing file is never overwritten.

    An emulator with a seed gets the same master key each time.

    Raises:
        KeyProviderError: there is a file already, or it cannot be written.
    """
    document = json.dumps({"format": _FORMAT, "current": 1, "keys": {"1": randomness.token_hex(32)}}, indent=2) + "\n"
    try:
        files.create(path, document.encode())
    except FileExistsError:
        raise KeyProviderError(hint=f"{path} exists already; losing a master key loses all data, so it stays") from None
    except OSError as error:
        raise KeyProviderError(hint=f"the key file {path} cannot be made: {error.strerror}") from None


def _read(path: Path) -> tuple[int, dict[int, bytes]]:
    """Return the current version and all keys of a key file."""
    try:
        with path.open("rb") as file:
            is_open = files.is_open_to_others(file.fileno())
            content = file.read()
    except FileNotFoundError:
        raise KeyProviderError(
            hint=f"there is no key file {path}: restore it from its backup, because no other key opens this vault"
        ) from None
    except OSError as error:
        raise KeyProviderError(hint=f"the key file {path} cannot be read: {error.strerror}") from None
    if os.name == "posix" and is_open:
        raise KeyProviderError(hint=f"the key file is open to other users: chmod 600 {path}")
    keys = _parsed(content)
    if keys is None:
        raise KeyProviderError(hint=f"{path} is not a key file of format {_FORMAT}; restore it from its backup")
    return keys


def _parsed(content: bytes) -> tuple[int, dict[int, bytes]] | None:
    """Parse the text of a key file, or return None. No exception escapes: json's would carry the whole text along."""
    document: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(content)
    match document:
        case {"format": 1, "current": int(current), "keys": dict(keys)} if str(current) in keys:
            pass
        case _:
            return None
    if not all(
        _VERSION.fullmatch(version) and isinstance(key, str) and _KEY.fullmatch(key) for version, key in keys.items()
    ):
        return None
    return current, {int(version): bytes.fromhex(key) for version, key in keys.items()}
