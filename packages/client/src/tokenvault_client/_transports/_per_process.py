"""A value that belongs to one process: a child after `fork` gets one of its own.

Connections must not be shared with a parent: two processes would write into one TLS session. The inherited value is
kept and left alone, since its destructor would talk to a peer that is still talking to the parent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Makes its value at first use in each process.

    Without a lock: one that another thread held at the fork would stay locked for ever. Threads that come first at the
    same time may each make a value; `setdefault` keeps one.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._held: dict[int, T] = {}

    def get(self) -> T:
        """Gives this process's value."""
        here = os.getpid()
        try:
            return self._held[here]
        except KeyError:
            return self._held.setdefault(here, self._make())

    def take(self) -> T | None:
        """Gives this process's value for the last time, or None if there is none."""
        return self._held.pop(os.getpid(), None)
