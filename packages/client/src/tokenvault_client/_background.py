"""Threads for calls that are not waited for (`async_req`), in the way of the official SDK, and safe across `fork`."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tokenvault_client._transports._per_process import PerProcess

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult, ThreadPool

T = TypeVar("T")


class Background:
    """A pool of threads that starts with its first call, one for each process."""

    def __init__(self, threads: int) -> None:
        self._pool: PerProcess[ThreadPool] = PerProcess(lambda: self._started(threads))

    def begin(self, work: Callable[[], T]) -> AsyncResult[T]:
        """Has a thread do the work; the result's `get()` gives what it gave, or raises what it raised."""
        return self._pool.get().apply_async(work)

    def close(self) -> None:
        """Waits for what was begun and ends the threads; a later call starts new ones."""
        if pool := self._pool.take():
            pool.close()
            pool.join()
            atexit.unregister(self.close)

    def _started(self, threads: int) -> ThreadPool:
        from multiprocessing.pool import ThreadPool

        # What was begun is finished, even if the program does not wait for it.
        atexit.register(self.close)
        return ThreadPool(threads)
