"""Counts how often serving began on a store in files, so that the claims of dead processes are recognised at once.

Every process that serves the API holds a shared lock on a small file beside the database. The kernel drops the lock
when the process ends, even by SIGKILL. Whoever can lock the file exclusively is therefore alone: every earlier process
is dead. It begins a new generation, and keeps a shared lock from then on. A process that is not alone joins the
generation of those that live.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

_MOST_DIGITS: Final = 20


class Generation:
    """A place among the processes that serve a store. It is kept until `leave`."""

    def __init__(self, number: int, descriptor: int) -> None:
        """Hold the shared lock of an open file."""
        self.number = number
        self._descriptor: int | None = descriptor

    def leave(self) -> None:
        """Give the lock up, if it is still held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def join_generation(database: Path) -> Generation | None:
    """Join the processes that serve a database file; None where files cannot be locked.

    The file's content is a number in decimal digits. If it is lost, the count begins again at 1. Claims with a higher
    number then count as those of living processes, until their leases end.
    """
    if sys.platform == "win32":
        return None
    try:
        # Not inherited (PEP 446): a child process does not keep this one's place.
        descriptor = os.open(database.with_name(f"{database.name}-generation"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        return Generation(_joined(descriptor), descriptor)
    except OSError:
        os.close(descriptor)
        return None


def _joined(descriptor: int) -> int:
    """Take the shared lock and return the number of the generation."""
    # 1. An exclusive lock is granted only while no other process serves.
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(descriptor, b"%-20d" % (_number(descriptor) + 1), 0)
    # 2. The change to a shared lock is not atomic: another process that starts may begin the next generation between.
    #    This process has claimed nothing yet, so it may then simply join.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    # 3. From here on nobody can begin a generation.
    return _number(descriptor)


def _number(descriptor: int) -> int:
    text = os.pread(descriptor, _MOST_DIGITS, 0).strip()
    return int(text) if text.isdigit() else 0
