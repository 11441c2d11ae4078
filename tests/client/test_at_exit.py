"""A program may end as soon as it has its answer."""

from __future__ import annotations

import _thread

from tokenvault_client._transports import _at_exit


def test_the_end_of_a_process_waits_for_a_thread_that_python_did_not_start() -> None:
    through: list[int] = []

    def works_a_while() -> None:
        through.append(sum(range(2_000_000)))
        through.append(sum(1 for _ in range(500_000)))

    _thread.start_new_thread(works_a_while, ())
    _at_exit.wait_for_foreign_threads()
    assert len(through) == 2
