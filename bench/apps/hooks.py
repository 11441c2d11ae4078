"""A receiver of webhooks that refuses an event three times and accepts it the fourth time, or never answers.

`python -m bench.apps.hooks PORT`. `/fails` answers 503 until `x-webhook-attempt` is 4, `/silent` reads a
request and never answers, and every other path answers 200.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
AWAY = b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n"


class Hook(asyncio.Protocol):
    """A connection of a sender."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for answers."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            length = int(_after(head, b"content-length: ") or 0)
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            if self._transport and not head.startswith(b"POST /silent"):
                fails = head.startswith(b"POST /fails") and _after(head, b"x-webhook-attempt: ") != b"4"
                self._transport.write(AWAY if fails else OK)


def _after(head: bytes, name: bytes) -> bytes:
    return head.partition(name)[2].partition(b"\r\n")[0]


async def main(port: int) -> None:
    """Serve until the process is killed."""
    server = await asyncio.get_running_loop().create_server(Hook, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
