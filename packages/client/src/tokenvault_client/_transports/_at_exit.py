"""An orderly end of a process in which a library's own threads call Python.

A runtime hands an asynchronous answer to the event loop from a thread of its own, and is still inside Python when the
loop has the answer already. A program that ends in that moment is killed by CPython ("PyGILState_Release: thread state
must be current when releasing", SIGABRT), so its end waits for such threads.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from functools import cache

_MOST_SECONDS = 0.5
_TURN_SECONDS = 0.001


def wait_for_foreign_threads() -> None:
    """Returns when no thread that Python did not start runs Python code, or after half a second."""
    latest = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < latest:
        time.sleep(_TURN_SECONDS)  # lets them in, also those that wait for the interpreter and have no frame yet
        ours = {thread.ident for thread in threading.enumerate()}
        if not sys._current_frames().keys() - ours:  # noqa: SLF001 - the documented way to see foreign threads
            return


@cache
def wait_at_exit() -> None:
    """Has the end of this process, and of its forks, wait for foreign threads; once, however often it is called."""
    atexit.register(wait_for_foreign_threads)
