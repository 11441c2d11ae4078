"""`max_connections` is a limit: a further call waits for a free connection, and fails unsent if there is none."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice

import pytest

from tests.client.faulty_server import faulty_server, response
from tests.client.transports import ASYNC_TRANSPORTS, SYNC_TRANSPORTS, ClientOptions, client_options
from tokenvault_client import AsyncClient, Client, TransportError
from tokenvault_client.transports import Connecting

ALLOWED = 3
CALLERS = 5
CONNECTING = Connecting(connect_seconds=0.5, max_connections=ALLOWED)
UNSENT = [False] * (CALLERS - ALLOWED)


def options_without_retries(base_url: str) -> ClientOptions:
    return ClientOptions(**client_options(base_url) | {"max_retries": 0})


@contextmanager
def held_server() -> Iterator[tuple[str, threading.Event]]:
    """Run a server that accepts every call and responds only after the event is set."""
    release = threading.Event()

    def wait(connection: socket.socket) -> None:
        release.wait()
        connection.sendall(response())

    with faulty_server(wait) as base_url:
        yield base_url, release


@pytest.mark.parametrize("transport", SYNC_TRANSPORTS)
def test_threads_beyond_the_limit_fail_unsent(transport: str) -> None:
    with (
        held_server() as (base_url, release),
        Client(**options_without_retries(base_url), transport=SYNC_TRANSPORTS[transport](CONNECTING)) as vault,
        ThreadPoolExecutor(CALLERS) as threads,
    ):

        def sent(_: int) -> bool:
            try:
                vault.fetch_instrument("asha", "i1")
            except TransportError as error:
                return error.sent
            return True

        calls = [threads.submit(sent, number) for number in range(CALLERS)]
        first = [call.result() for call in islice(as_completed(calls), len(UNSENT))]
        release.set()
        assert (first, sum(call.result() for call in calls)) == (UNSENT, ALLOWED)


@pytest.mark.parametrize("transport", ASYNC_TRANSPORTS)
def test_tasks_beyond_the_limit_fail_unsent(transport: str) -> None:
    async def all_calls(base_url: str, release: threading.Event) -> tuple[list[bool], int]:
        async with AsyncClient(
            **options_without_retries(base_url), transport=ASYNC_TRANSPORTS[transport](CONNECTING)
        ) as vault:

            async def sent() -> bool:
                try:
                    await vault.fetch_instrument("asha", "i1")
                except TransportError as error:
                    return error.sent
                return True

            calls = [asyncio.create_task(sent()) for _ in range(CALLERS)]
            first = [await call for call in islice(asyncio.as_completed(calls), len(UNSENT))]
            release.set()
            return first, sum(await asyncio.gather(*calls))

    with held_server() as (base_url, release):
        assert asyncio.run(all_calls(base_url, release)) == (UNSENT, ALLOWED)
