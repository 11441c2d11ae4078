"""Many callers who act at one moment, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.support.emulator_process import Emulator
from tests.support.http_client import CALL_SECONDS, Answer, Connection

Act = Callable[[Connection], Answer]


def together(running: Emulator, acts: Sequence[Act]) -> list[Answer]:
    """Carries all acts out at one moment, each on a connection of its own, and gives their answers in order."""
    ready = Barrier(len(acts), timeout=CALL_SECONDS)

    def carry_out(act: Act) -> Answer:
        with running.connection() as connection:
            connection.open()
            ready.wait()
            return act(connection)

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(carry_out, acts))
