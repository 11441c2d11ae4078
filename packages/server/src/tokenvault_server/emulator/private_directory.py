"""The emulator's private directory: made and locked at the start, removed at the end, or by the next start.

An emulator that is killed leaves its directory, with a master key and credentials in it. The lock on a file inside ends
with the process that holds it (flock(2)), whatever ended that process. So the next emulator can tell the directories of
dead ones from those in use, also across containers that share `/dev/shm`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "tokenvault-emulator-"
LOCK: Final = "emulator.lock"


@contextmanager
def private_directory(base: Path | None = None) -> Iterator[Path]:
    """Make a directory for the block, and remove it afterwards; before, remove those that dead emulators left."""
    base = base or _memory()
    remove_left_behind(base)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    lock = _lock(directory)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def remove_left_behind(base: Path) -> None:
    """Remove the directories of this user's emulators that no longer run."""
    for directory in base.glob(f"{PREFIX}*"):
        # A directory without a lock file was made this moment, and holds nothing yet. One that vanishes is another's
        # business: two emulators may start together.
        with suppress(OSError):
            if not _is_own(directory):
                continue
            lock = os.open(directory / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while the emulator lives
                shutil.rmtree(directory)
            finally:
                os.close(lock)


def _lock(directory: Path) -> int:
    """Put a locked file into the directory. It gets its name when it is locked, so it is never seen unlocked."""
    unnamed = directory / f".{LOCK}"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(directory / LOCK)
    return lock


def _is_own(directory: Path) -> bool:
    """Tell whether this user made it, and it is a directory rather than a link to one."""
    status = directory.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _memory() -> Path:
    """Return a directory that lives in memory, if any: SQLite needs a file to serve readers and a writer."""
    memory = Path("/dev/shm")  # noqa: S108  # mkdtemp makes a private directory in it
    return memory if memory.is_dir() else Path(tempfile.gettempdir())
