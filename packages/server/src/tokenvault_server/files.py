"""Writes small files that only their owner can read, and writes them completely or not at all.

A process that is killed while it writes leaves the old file or none, never a part of the new one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create(path: Path, content: bytes) -> None:
    """Create a file with mode 0600, durable on return.

    Raises:
        FileExistsError: the file exists.
    """
    temporary = _write_beside(path, content)
    try:
        os.link(temporary, path)  # unlike a rename, it never replaces a file
    finally:
        temporary.unlink()
    _sync_folder(path)


def replace(path: Path, content: bytes) -> None:
    """Create or replace a file with mode 0600, durable on return."""
    _write_beside(path, content).replace(path)
    _sync_folder(path)


def _write_beside(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        temporary.unlink()  # such as a full disk
        raise
    return temporary


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
