"""A line for each call, for the terminal of an emulator: method, path, status, milliseconds; for a 401 the reason.

A path is masked like those of the journal. The query, headers and bodies are never shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tokenvault_server.api.call import Reply, Request
from tokenvault_server.domain.printable import escaped
from tokenvault_server.emulator.exchange import EXCHANGE
from tokenvault_server.emulator.redaction import shown_target

_RESET: Final = "\x1b[0m"
_COLOURS: Final = {2: "\x1b[32m", 4: "\x1b[33m", 5: "\x1b[31m"}
"""Green, yellow and red, by the first digit of the status."""


class CallLines:
    """Prints the line of each call when it was answered."""

    def __init__(self, write: Callable[[str], None], *, in_colour: bool = False) -> None:
        """Give each line to `write`, without a line end."""
        self._write = write
        self._in_colour = in_colour

    def record(self, request: Request, reply: Reply, seconds: float) -> None:
        """Print a call; one whose caller was not authenticated as soon as the reason is known."""
        line = f"{request.method} {shown_target(request.raw_path)}"
        line = f"{escaped(line)} {self._shown(reply.status)} {seconds * 1000:.0f} ms"
        exchange = EXCHANGE.get()
        if exchange is None or exchange.diagnosis is None:
            self._write(line)
            return

        def with_reason(diagnosis: asyncio.Task[str]) -> None:
            self._write(line if diagnosis.cancelled() else f"{line}: {escaped(diagnosis.result())}")

        exchange.diagnosis.add_done_callback(with_reason)

    def _shown(self, status: int) -> str:
        colour = _COLOURS.get(status // 100, "") if self._in_colour else ""
        return f"{colour}{status}{_RESET}" if colour else str(status)
