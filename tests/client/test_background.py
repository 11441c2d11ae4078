"""Background calls: started by many threads, finished before the program exits, with threads in each process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tokenvault_client._background import BackgroundCalls

UNAWAITED_CALL = """
from tokenvault_client._background import BackgroundCalls
BackgroundCalls(2).start(lambda: print("done"))
"""


@pytest.fixture
def background() -> Iterator[BackgroundCalls]:
    started = BackgroundCalls(4)
    yield started
    started.close()


def test_work_runs_in_another_thread(background: BackgroundCalls) -> None:
    assert background.start(threading.get_ident).get(5) != threading.get_ident()


def test_get_raises_the_exception_of_the_work(background: BackgroundCalls) -> None:
    result = background.start(lambda: int("nothing"))
    with pytest.raises(ValueError, match="nothing"):
        result.get(5)


def test_threads_that_start_at_the_same_time_share_one_pool(background: BackgroundCalls) -> None:
    barrier = threading.Barrier(8)
    before = workers()
    results: list[int] = []

    def caller() -> None:
        barrier.wait()
        results.append(background.start(lambda: 1).get(5))

    callers = [threading.Thread(target=caller) for _ in range(8)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert results == [1] * 8
    assert len(workers() - before) == 4


def workers() -> set[threading.Thread]:
    """Return the threads of all pools, which the standard library names in this way."""
    return {thread for thread in threading.enumerate() if "(worker)" in thread.name}


def test_a_call_after_closing_starts_new_threads(background: BackgroundCalls) -> None:
    background.start(os.getpid).get(5)
    background.close()
    assert background.start(os.getpid).get(5) == os.getpid()


def test_a_forked_child_starts_its_own_threads(background: BackgroundCalls) -> None:
    background.start(os.getpid).get(5)
    child = os.fork()
    if child == 0:
        os._exit(0 if background.start(os.getpid).get(5) == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_program_exits_after_its_background_calls_have_ended() -> None:
    done = subprocess.run([sys.executable, "-c", UNAWAITED_CALL], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
