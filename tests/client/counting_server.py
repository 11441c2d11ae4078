"""A server that records the connection of each call, and one interface for both kinds of client."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import uvloop

from tests.client.faulty_server import response
from tests.client.transports import ASYNC_TRANSPORTS, SYNC_TRANSPORTS, client_options
from tokenvault_client import AsyncClient, Client
from tokenvault_client.transports import Connecting

SECONDS = 20
IDS = ("asha", "i1")


@dataclass
class CountingServer:
    """A server that records which connection carried each call."""

    base_url: str
    connections: list[socket.socket] = field(default_factory=list)
    closed: list[threading.Event] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    """The number of the connection of each call."""

    def close_connections(self) -> None:
        """Close all connections."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def send(self, data: bytes) -> None:
        """Send data without a request on all connections."""
        for connection in self.connections:
            connection.sendall(data)


Respond = Callable[[CountingServer], bytes]


@contextmanager
def counting_server(
    respond: Respond = lambda _: response(), tls: ssl.SSLContext | None = None
) -> Iterator[CountingServer]:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        scheme = "https" if tls else "http"
        server = CountingServer(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/pg")

        def serve(connection: socket.socket, number: int) -> None:
            with suppress(OSError), connection:
                while read_request(connection):
                    server.calls.append(number)
                    connection.sendall(respond(server))
            server.closed[number].set()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection = tls.wrap_socket(connection, server_side=True) if tls else connection
                    server.connections.append(connection)
                    server.closed.append(threading.Event())
                    number = len(server.connections) - 1
                    threading.Thread(target=serve, args=(connection, number), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
        server.close_connections()


def read_request(connection: socket.socket) -> bytes:
    """Read a request without a body. Return nothing at the end of the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(65536)
        if not part:
            return b""
        head += part
    return head


_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "http1 on asyncio": asyncio.new_event_loop,
    "http1 on uvloop": uvloop.new_event_loop,
}
TRANSPORTS = ["http1", *_LOOPS]


class Caller:
    """A client of either kind, on any event loop, with synchronous methods."""

    def __init__(self, transport: str, base_url: str, connecting: Connecting | None = None, **options: Any) -> None:
        client_settings: Any = {**client_options(base_url), "max_retries": 0, **options}
        self._loop = asyncio.Runner(loop_factory=_LOOPS[transport]) if transport in _LOOPS else None
        self._client: Any = (
            AsyncClient(**client_settings, transport=ASYNC_TRANSPORTS["http1 async"](connecting or Connecting()))
            if transport in _LOOPS
            else Client(**client_settings, transport=SYNC_TRANSPORTS[transport](connecting or Connecting()))
        )

    def call(self, timeout: float | None = None) -> int:
        """Make one call and return its status."""
        result = self._client.fetch_instrument(*IDS, timeout=timeout)
        return int((self._loop.run(result) if self._loop else result).status)

    def close(self) -> None:
        """Close the client."""
        done = self._client.close()
        if self._loop:
            self._loop.run(done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._loop:
            self._loop.close()
