"""Calls that are not waited for: begun by many, finished by the end of the program, and at home in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tokenvault_client._background import Background

NOT_WAITED_FOR = """
from tokenvault_client._background import Background
Background(2).begin(lambda: print("done"))
"""


@pytest.fixture
def background() -> Iterator[Background]:
    started = Background(4)
    yield started
    started.close()


def test_work_is_done_by_a_thread_of_its_own(background: Background) -> None:
    assert background.begin(threading.get_ident).get(5) != threading.get_ident()


def test_what_work_raises_is_raised_to_whoever_asks(background: Background) -> None:
    begun = background.begin(lambda: int("nothing"))
    with pytest.raises(ValueError, match="nothing"):
        begun.get(5)


def test_those_who_come_first_together_share_one_pool(background: Background) -> None:
    together = threading.Barrier(8)
    before = workers()
    answers: list[int] = []

    def caller() -> None:
        together.wait()
        answers.append(background.begin(lambda: 1).get(5))

    callers = [threading.Thread(target=caller) for _ in range(8)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert answers == [1] * 8
    assert len(workers() - before) == 4


def workers() -> set[threading.Thread]:
    """Gives the threads of all pools, as the standard library names them."""
    return {thread for thread in threading.enumerate() if "(worker)" in thread.name}


def test_after_closing_it_begins_anew(background: Background) -> None:
    background.begin(os.getpid).get(5)
    background.close()
    assert background.begin(os.getpid).get(5) == os.getpid()


def test_a_child_of_a_fork_has_threads_of_its_own(background: Background) -> None:
    background.begin(os.getpid).get(5)
    child = os.fork()
    if child == 0:
        os._exit(0 if background.begin(os.getpid).get(5) == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_program_that_does_not_wait_ends_when_its_work_is_done() -> None:
    done = subprocess.run([sys.executable, "-c", NOT_WAITED_FOR], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
