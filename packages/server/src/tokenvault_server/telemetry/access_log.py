"""One log line for every call. Lines are written together: a line takes a microsecond and shares a system call."""

from __future__ import annotations

import asyncio
import contextlib
from typing import BinaryIO, Final

import msgspec

from tokenvault_server.domain.printable import escaped_json

CALLS: Final = "calls"
"""The name of the logger in the line of a call."""
CALL: Final = "call"
_FAILED: Final = 500


class AccessLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The log line of a call: what every line has, then its own fields (docs/reference/logs.md).

    Ids were checked before; bodies and credentials have no field.
    """

    at: str
    level: str
    logger: str
    event: str
    request_id: str
    operation: str
    status: int
    micros: int
    merchant_id: str = ""
    customer_id: str = ""
    instrument_id: str = ""
    origin: str = ""
    code: str = ""
    version: str = ""
    trace_id: str = ""
    span_id: str = ""


class AccessLog:
    """Collects lines and writes them together, once in each iteration of the event loop."""

    def __init__(self, stream: BinaryIO | None) -> None:
        """Write to `stream`; None writes nothing."""
        self._stream = stream
        self._lines: list[AccessLine] = []
        self._encode = msgspec.json.Encoder().encode_lines

    @property
    def is_on(self) -> bool:
        """Whether lines are written at all."""
        return self._stream is not None

    def write(self, line: AccessLine) -> None:
        """Collect a line; it is written in the next iteration of the event loop."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Write the collected lines. If that fails they are dropped, so that a full disk does not fill the memory."""
        lines, self._lines = self._lines, []
        if self._stream is not None and lines:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(_shown(self._encode(lines)))
                self._stream.flush()


def level_of(status: int) -> str:
    """Return the level of a call's line: only what the server failed at is an error."""
    return "error" if status >= _FAILED else "info"


def _shown(lines: bytes) -> bytes:
    """Return the lines as a terminal may show them. Nearly all are ASCII, in which JSON escapes all but DEL."""
    return lines if lines.isascii() and b"\x7f" not in lines else escaped_json(lines.decode()).encode()
