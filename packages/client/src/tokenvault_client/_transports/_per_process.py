"""A value for each process: a child after `fork` creates its own.

Connections must not be shared with a parent, because two processes would write into one TLS session. The inherited
value stays referenced and unused: its destructor would send to a peer that still talks to the parent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Creates its value at the first use in each process.

    There is no lock: a fork could copy a locked one, which nothing in the child would ever release. Threads that start
    at the same time may each create a value; `setdefault` is atomic and keeps one of them.
    """

    def __init__(self, create: Callable[[], T]) -> None:
        self._create = create
        self._values: dict[int, T] = {}

    def get(self) -> T:
        """Return the value of this process."""
        pid = os.getpid()
        try:
            return self._values[pid]
        except KeyError:
            return self._values.setdefault(pid, self._create())

    def pop(self) -> T | None:
        """Remove the value of this process and return it, or None if there is none."""
        return self._values.pop(os.getpid(), None)
