"""A program that makes calls before and after `fork`, and prints the results.

python -m tests.client.forking SCENARIO TRANSPORT BASE_URL
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys

from tests.client.transports import ASYNC_TRANSPORTS, SYNC_TRANSPORTS, client_options
from tokenvault_client import AsyncClient, Client
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client.transports import Connecting

SECONDS = 20


class Caller:
    """A program with one client for its whole life."""

    def __init__(self, scenario: str, transport: str, base_url: str) -> None:
        self._scenario = scenario
        self._transport = transport
        self._loop = PerProcess(asyncio.Runner)  # an event loop does not survive a fork either
        library = transport.removesuffix(" async")
        self._client = Client(**client_options(base_url), transport=SYNC_TRANSPORTS[library](Connecting()))
        self._async_client = AsyncClient(
            **client_options(base_url), transport=ASYNC_TRANSPORTS[f"{library} async"](Connecting())
        )

    def call(self, name: str) -> None:
        """Make one call, and print the name of the caller with the status."""
        request_id = f"{self._scenario}/{name}"
        if "async" in self._transport:
            answer = self._loop.get().run(self._async_client.fetch_instrument("asha", "i1", request_id=request_id))
        else:
            answer = self._client.fetch_instrument("asha", "i1", request_id=request_id)
        os.write(1, f"{request_id} {answer.status}\n".encode())


def by_fork(caller: Caller) -> None:
    """Call in the parent, in a child, and in the parent again."""
    caller.call("parent")
    in_a_child(lambda: caller.call("child"))
    caller.call("parent-again")


def by_two_forks(caller: Caller) -> None:
    """Call in a parent, in its child, and in the child of that child."""

    def child() -> None:
        caller.call("child")
        in_a_child(lambda: caller.call("grandchild"))

    caller.call("parent")
    in_a_child(child)


def before_any_call(caller: Caller) -> None:
    """Create the client before the fork, and use it only afterwards."""
    in_a_child(lambda: caller.call("child"))
    caller.call("parent")


def by_multiprocessing(caller: Caller) -> None:
    """Call in several forked processes."""
    caller.call("parent")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=caller.call, args=(f"worker-{number}",)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(SECONDS)
        assert worker.exitcode == 0


def in_a_child(work: object) -> None:
    """Run `work` in a forked process, and wait for its end."""
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


# The order matters: only before the first scenario has the process made no call.
SCENARIOS = (before_any_call, by_fork, by_two_forks, by_multiprocessing)

if __name__ == "__main__":
    for scenario in SCENARIOS:
        scenario(Caller(scenario.__name__, sys.argv[1], sys.argv[2]))
