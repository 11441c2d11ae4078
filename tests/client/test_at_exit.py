"""The exit of a process waits for the threads of native libraries."""

from __future__ import annotations

import _thread

from tokenvault_client._transports import _at_exit


def test_the_exit_waits_for_a_thread_that_python_did_not_start() -> None:
    finished: list[int] = []

    def work() -> None:
        finished.append(sum(range(2_000_000)))
        finished.append(sum(1 for _ in range(500_000)))

    _thread.start_new_thread(work, ())
    _at_exit.wait_for_foreign_threads()
    assert len(finished) == 2
