"""Threads for calls that are not waited for (`async_req`), in the way of the official SDK, and safe across `fork`."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult, ThreadPool

T = TypeVar("T")


class Background:
    """A pool of threads that starts with its first call, one for each process."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pools: dict[int, ThreadPool] = {}

    def begin(self, work: Callable[[], T]) -> AsyncResult[T]:
        """Has a thread do the work; the result's `get()` gives what it gave, or raises what it raised."""
        return self._pool().apply_async(work)

    def close(self) -> None:
        """Waits for what was begun and ends the threads; a later call starts new ones."""
        atexit.unregister(self.close)
        if pool := self._pools.pop(os.getpid(), None):
            pool.close()
            pool.join()

    def _pool(self) -> ThreadPool:
        """Gives this process's threads: those of a parent did not come along.

        Without a lock, which a fork could leave locked for ever; of threads that come first together, one's pool stays.
        """
        here = os.getpid()
        if here in self._pools:
            return self._pools[here]
        made = self._started()
        kept = self._pools.setdefault(here, made)
        if kept is not made:
            made.terminate()
            made.join()
        return kept

    def _started(self) -> ThreadPool:
        from multiprocessing.pool import ThreadPool

        # What was begun is finished, even if the program does not wait for it.
        atexit.register(self.close)
        return ThreadPool(self._threads)
