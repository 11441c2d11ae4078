"""Many callers with credentials of their own at once: each request carries one caller's, whole."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client.recorder import Recorder, recording
from tests.client.ways import Who
from tokenvault_client import AsyncClient, Client

CALLERS = int(os.environ.get("TOKENVAULT_TEST_CALLERS", "200"))
"""1000 for the long run."""
CALLS_EACH = 3


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as running:
        yield running


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Threads take turns every few microseconds rather than every five milliseconds."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def test_no_thread_sends_anothers_credentials(server: Recorder, hurried_threads: None) -> None:
    together = threading.Barrier(CALLERS)

    def caller(number: int) -> None:
        with Client(**caller_number(server, number)) as vault:
            together.wait()
            for turn in range(CALLS_EACH):
                vault.fetch_instrument(f"c{number}", "i1", request_id=f"{number}-{turn}")

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(caller, range(CALLERS)))
    check(server)


def test_no_task_sends_anothers_credentials(server: Recorder) -> None:
    async def caller(number: int) -> None:
        async with AsyncClient(**caller_number(server, number)) as vault:
            for turn in range(CALLS_EACH):
                await vault.fetch_instrument(f"c{number}", "i1", request_id=f"{number}-{turn}")

    async def everybody() -> None:
        await asyncio.gather(*(caller(number) for number in range(CALLERS)))

    asyncio.run(everybody())
    check(server)


def test_threads_that_share_a_client_share_nothing_else(server: Recorder, hurried_threads: None) -> None:
    answers: list[str] = []
    with Client(**caller_number(server, 7), max_connections=10) as vault:

        def caller(number: int) -> None:
            answers.append(vault.fetch_instrument("c7", "i1", request_id=f"r{number}").request_id)

        with ThreadPoolExecutor(CALLERS) as threads:
            list(threads.map(caller, range(CALLERS)))
    assert sorted(answers) == sorted(f"r{number}" for number in range(CALLERS))


def caller_number(server: Recorder, number: int) -> Who:
    return Who(base_url=server.base_url, client_id=f"id-{number}", client_secret=f"secret-{number}", timeout=60)


def check(server: Recorder) -> None:
    """Every request is of one caller: path, id, secret and request id agree; and every call was made once."""
    seen = set()
    for request in server.heard:
        headers = dict(request.headers)
        number, turn = headers["x-request-id"].split("-")
        assert (headers["x-client-id"], headers["x-client-secret"]) == (f"id-{number}", f"secret-{number}")
        assert request.target == f"/pg/customers/c{number}/instruments/i1"
        seen.add((int(number), int(turn)))
    assert seen == {(number, turn) for number in range(CALLERS) for turn in range(CALLS_EACH)}
