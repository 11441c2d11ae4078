"""Makes calls before and after `fork`, and prints what came: run as a program, since a fork of the test would fork it.

python -m tests.client.forking HOW WAY BASE_URL
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys

from tests.client.ways import TASKS, THREADS, who
from tokenvault_client import AsyncClient, Client
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client.transports import Connecting

SECONDS = 20


class Shop:
    """A program with one client for its whole life."""

    def __init__(self, way: str, base_url: str) -> None:
        self._way = way
        self._loop = PerProcess(asyncio.Runner)  # a loop does not survive a fork either
        library = way.removesuffix(" async")
        self._client = Client(**who(base_url), transport=THREADS[library](Connecting()))
        self._async_client = AsyncClient(**who(base_url), transport=TASKS[f"{library} async"](Connecting()))

    def ask(self, name: str) -> None:
        """Makes one call and says who made it."""
        if "async" in self._way:
            answer = self._loop.get().run(self._async_client.fetch_instrument("asha", "i1", request_id=name))
        else:
            answer = self._client.fetch_instrument("asha", "i1", request_id=name)
        os.write(1, f"{name}: {answer.status}\n".encode())


def by_fork(shop: Shop) -> None:
    """Parent, child, parent again."""
    shop.ask("parent")
    in_a_child(lambda: shop.ask("child"))
    shop.ask("parent again")


def by_two_forks(shop: Shop) -> None:
    """A child of a child, both of which call."""

    def child() -> None:
        shop.ask("child")
        in_a_child(lambda: shop.ask("grandchild"))

    shop.ask("parent")
    in_a_child(child)


def before_any_call(shop: Shop) -> None:
    """A client that was made before the fork, and used only after it."""
    in_a_child(lambda: shop.ask("child"))
    shop.ask("parent")


def by_multiprocessing(shop: Shop) -> None:
    """A pool of forked workers."""
    shop.ask("parent")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=shop.ask, args=(f"worker {number}",)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(SECONDS)
        assert worker.exitcode == 0


def in_a_child(work: object) -> None:
    """Does it in a forked process, and waits for its end."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert callable(work)
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


if __name__ == "__main__":
    globals()[sys.argv[1]](Shop(sys.argv[2], sys.argv[3]))
