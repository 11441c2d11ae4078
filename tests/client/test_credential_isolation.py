"""Many callers at once, each with its own credentials: every request contains those of exactly one caller."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client.recording_server import RecordingServer, recording_server
from tests.client.transports import ClientOptions
from tokenvault_client import AsyncClient, Client

CALLERS = int(os.environ.get("TOKENVAULT_TEST_CALLERS", "200"))
"""Use 1000 for a long run."""
CALLS_EACH = 3


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as running:
        yield running


@pytest.fixture
def fast_thread_switching() -> Iterator[None]:
    """Make the interpreter switch threads after 10 microseconds instead of 5 milliseconds."""
    default = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(default)


def test_a_thread_never_sends_the_credentials_of_another(server: RecordingServer, fast_thread_switching: None) -> None:
    barrier = threading.Barrier(CALLERS)

    def caller(number: int) -> None:
        with Client(**options_of(server, number)) as vault:
            barrier.wait()
            for call in range(CALLS_EACH):
                vault.fetch_instrument(f"c{number}", "i1", request_id=f"{number}-{call}")

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(caller, range(CALLERS)))
    check_requests(server)


def test_a_task_never_sends_the_credentials_of_another(server: RecordingServer) -> None:
    async def caller(number: int) -> None:
        async with AsyncClient(**options_of(server, number)) as vault:
            for call in range(CALLS_EACH):
                await vault.fetch_instrument(f"c{number}", "i1", request_id=f"{number}-{call}")

    async def all_callers() -> None:
        await asyncio.gather(*(caller(number) for number in range(CALLERS)))

    asyncio.run(all_callers())
    check_requests(server)


def test_threads_that_share_a_client_get_their_own_answers(
    server: RecordingServer, fast_thread_switching: None
) -> None:
    request_ids: list[str] = []
    with Client(**options_of(server, 7), max_connections=10) as vault:

        def caller(number: int) -> None:
            request_ids.append(vault.fetch_instrument("c7", "i1", request_id=f"r{number}").request_id)

        with ThreadPoolExecutor(CALLERS) as threads:
            list(threads.map(caller, range(CALLERS)))
    assert sorted(request_ids) == sorted(f"r{number}" for number in range(CALLERS))


def options_of(server: RecordingServer, number: int) -> ClientOptions:
    return ClientOptions(
        base_url=server.base_url, client_id=f"id-{number}", client_secret=f"secret-{number}", timeout=60
    )


def check_requests(server: RecordingServer) -> None:
    """Check that each request belongs to one caller in path, id, secret and request id, and that each call arrived."""
    seen = set()
    for request in server.requests:
        headers = dict(request.headers)
        number, call = headers["x-request-id"].split("-")
        assert (headers["x-client-id"], headers["x-client-secret"]) == (f"id-{number}", f"secret-{number}")
        assert request.target == f"/pg/customers/c{number}/instruments/i1"
        seen.add((int(number), int(call)))
    assert seen == {(number, call) for number in range(CALLERS) for call in range(CALLS_EACH)}
