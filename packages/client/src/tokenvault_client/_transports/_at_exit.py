"""A clean exit of a process in which the threads of a native library call Python.

The runtime of such a library passes a response to the event loop from one of its threads. That thread is still inside
Python when the loop already has the response. If the program ends at that moment, CPython aborts it
("PyGILState_Release: thread state must be current when releasing", SIGABRT). The exit therefore waits for these
threads.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from functools import cache

_MAX_WAIT_SECONDS = 0.5
_POLL_SECONDS = 0.001


def wait_for_foreign_threads() -> None:
    """Return when no thread that Python did not start runs Python code, or after half a second."""
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    while time.monotonic() < deadline:
        # A thread that waits for the interpreter has no frame yet. Sleeping lets it in.
        time.sleep(_POLL_SECONDS)
        python_threads = {thread.ident for thread in threading.enumerate()}
        if not sys._current_frames().keys() - python_threads:  # noqa: SLF001  # the documented way to see them
            return


@cache
def wait_at_exit() -> None:
    """Make the exit of this process, and of its forks, wait for foreign threads. Repeated calls register once."""
    atexit.register(wait_for_foreign_threads)
