"""`max_connections` holds: a call beyond it waits for a free connection, and gives up unsent if none comes in time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice

import pytest

from tests.client.faults import answer, faulty
from tests.client.ways import TASKS, THREADS, Who, who
from tokenvault_client import AsyncClient, Client, TransportError
from tokenvault_client.transports import Connecting

ALLOWED = 3
CALLERS = 5
CONNECTING = Connecting(connect_seconds=0.5, max_connections=ALLOWED)
UNSENT = [False] * (CALLERS - ALLOWED)


def impatient(base_url: str) -> Who:
    return Who(**who(base_url) | {"max_retries": 0})


@contextmanager
def patient_server() -> Iterator[tuple[str, threading.Event]]:
    """Runs a server that takes every call and answers none before it is told to."""
    told = threading.Event()

    def wait(connection: socket.socket) -> None:
        told.wait()
        connection.sendall(answer())

    with faulty(wait) as base_url:
        yield base_url, told


@pytest.mark.parametrize("way", THREADS)
def test_no_more_threads_are_served_than_connections_are_allowed(way: str) -> None:
    with (
        patient_server() as (base_url, told),
        Client(**impatient(base_url), transport=THREADS[way](CONNECTING)) as vault,
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
        told.set()
        assert (first, sum(call.result() for call in calls)) == (UNSENT, ALLOWED)


@pytest.mark.parametrize("way", TASKS)
def test_no_more_tasks_are_served_than_connections_are_allowed(way: str) -> None:
    async def everybody(base_url: str, told: threading.Event) -> tuple[list[bool], int]:
        async with AsyncClient(**impatient(base_url), transport=TASKS[way](CONNECTING)) as vault:

            async def sent() -> bool:
                try:
                    await vault.fetch_instrument("asha", "i1")
                except TransportError as error:
                    return error.sent
                return True

            calls = [asyncio.create_task(sent()) for _ in range(CALLERS)]
            first = [await call for call in islice(asyncio.as_completed(calls), len(UNSENT))]
            told.set()
            return first, sum(await asyncio.gather(*calls))

    with patient_server() as (base_url, told):
        assert asyncio.run(everybody(base_url, told)) == (UNSENT, ALLOWED)
