"""Writes small files that only their owner can read, completely or not at all, and tells who else may open one.

A process that is killed while it writes leaves the old file or none, never a part of the new one.
"""

from __future__ import annotations

import os
import secrets
import stat
import struct
from pathlib import Path
from typing import Final

_ACCESS_LIST: Final = "system.posix_acl_access"
_USER, _GROUP_OBJECT, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
"""Tags of the entries of an access list (Linux: include/uapi/linux/posix_acl.h)."""


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
    sync_folder(path)


def replace(path: Path, content: bytes) -> None:
    """Create or replace a file with mode 0600, durable on return."""
    _write_beside(path, content).replace(path)
    sync_folder(path)


def is_open_to_others(descriptor: int) -> bool:
    """Return whether anybody but its owner, root and this user may open a file.

    systemd passes a credential on as a file of root's with an access list that names the service's user. Its mode then
    shows the list's mask as the group's rights, although no group has any.
    """
    mode = os.fstat(descriptor).st_mode
    if not mode & stat.S_IRWXG:
        return bool(mode & stat.S_IRWXO)
    return bool(mode & stat.S_IRWXO) or not _lists_only_this_user(descriptor)


def _lists_only_this_user(descriptor: int) -> bool:
    """Return whether a file has an access list in which this user is the only one with rights, beside the owner."""
    try:
        stored = os.getxattr(descriptor, _ACCESS_LIST)
    except (AttributeError, OSError):  # another system; no list
        return False
    entries = list(struct.iter_unpack("<HHI", stored[4:]))  # after the version of the format
    groups = [rights for tag, rights, _ in entries if tag in {_GROUP_OBJECT, _GROUP}]
    users = [number for tag, rights, number in entries if tag == _USER and rights]
    return any(tag == _MASK for tag, _, _ in entries) and not any(groups) and set(users) <= {os.geteuid()}


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


def sync_folder(path: Path) -> None:
    """Make what was created, renamed or deleted beside a file durable."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
