"""Small files that matter: readable by their owner only, and on the disk whole or not at all.

A process that is killed while it writes leaves the old file, or none; never half of one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create(path: Path, content: bytes) -> None:
    """Make a new file with mode 0600, durable on return; FileExistsError when there is one already."""
    fresh = _write_beside(path, content)
    try:
        os.link(fresh, path)  # unlike a rename, it never replaces
    finally:
        fresh.unlink()
    _sync_folder(path)


def replace(path: Path, content: bytes) -> None:
    """Put a file with mode 0600 in the place of the one that may be there, durable on return."""
    _write_beside(path, content).replace(path)
    _sync_folder(path)


def _write_beside(path: Path, content: bytes) -> Path:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        fresh.unlink()  # a full disk
        raise
    return fresh


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
