"""Background threads for calls with `async_req`, as in the official SDK. They are safe across `fork`."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult, ThreadPool

T = TypeVar("T")


class BackgroundCalls:
    """A pool of threads for each process. A pool starts with its first call.

    Args:
        threads: The number of threads in a pool.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pools: dict[int, ThreadPool] = {}

    def start(self, work: Callable[[], T]) -> AsyncResult[T]:
        """Run the work in a thread. `get()` of the result returns its value, or raises its exception."""
        return self._pool().apply_async(work)

    def close(self) -> None:
        """Wait for the calls that were started, and end the threads. A later call starts new threads."""
        atexit.unregister(self.close)
        if pool := self._pools.pop(os.getpid(), None):
            pool.close()
            pool.join()

    def _pool(self) -> ThreadPool:
        """Return the pool of this process."""
        # 1. The key is the process id, because the threads of a parent do not exist in a forked child.
        pid = os.getpid()
        if pid in self._pools:
            return self._pools[pid]
        # 2. There is no lock: a fork could copy a locked one, which nothing in the child would ever release. Several
        #    threads may therefore create a pool at the same time.
        created = self._create_pool()
        # 3. `setdefault` is atomic, so exactly one of these pools stays. The others end at once.
        kept = self._pools.setdefault(pid, created)
        if kept is not created:
            created.terminate()
            created.join()
        return kept

    def _create_pool(self) -> ThreadPool:
        from multiprocessing.pool import ThreadPool

        # The interpreter finishes started calls before it exits, even if the program does not wait for them.
        atexit.register(self.close)
        return ThreadPool(self._threads)
