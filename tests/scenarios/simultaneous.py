"""Many concurrent requests, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.support.emulator_process import Emulator
from tests.support.http_client import CALL_SECONDS, Answer, Connection

Send = Callable[[Connection], Answer]


def call_together(running: Emulator, requests: Sequence[Send]) -> list[Answer]:
    """Send all requests at the same time, each on its own connection; return the answers in order."""
    ready = Barrier(len(requests), timeout=CALL_SECONDS)

    def send(request: Send) -> Answer:
        with running.connection() as connection:
            connection.open()
            ready.wait()
            return request(connection)

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))
