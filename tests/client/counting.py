"""A server that knows by which connection each call came, and a client of either colour, called alike."""

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

from tests.client.faults import answer
from tests.client.ways import TASKS, THREADS, who
from tokenvault_client import AsyncClient, Client
from tokenvault_client.transports import Connecting

SECONDS = 20
ASKED = ("asha", "i1")


@dataclass
class Counting:
    """A server that answers what it is told to, and knows its connections."""

    base_url: str
    connections: list[socket.socket] = field(default_factory=list)
    ends: list[threading.Event] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    """For each call, which connection it came by."""

    def hang_up(self) -> None:
        """Ends all connections."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def say(self, what: bytes) -> None:
        """Says something that nobody asked for."""
        for connection in self.connections:
            connection.sendall(what)


Answer = Callable[[Counting], bytes]


@contextmanager
def counting(answered: Answer = lambda _: answer(), tls: ssl.SSLContext | None = None) -> Iterator[Counting]:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        scheme = "https" if tls else "http"
        server = Counting(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/pg")

        def serve(connection: socket.socket, number: int) -> None:
            with suppress(OSError), connection:
                while heard(connection):
                    server.calls.append(number)
                    connection.sendall(answered(server))
            server.ends[number].set()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection = tls.wrap_socket(connection, server_side=True) if tls else connection
                    server.connections.append(connection)
                    server.ends.append(threading.Event())
                    number = len(server.connections) - 1
                    threading.Thread(target=serve, args=(connection, number), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
        server.hang_up()


def heard(connection: socket.socket) -> bytes:
    """Gives a request that has no body, or nothing at the end."""
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
WAYS = ["http1", *_LOOPS]


class Caller:
    """A client of either colour, on any event loop, called alike."""

    def __init__(self, way: str, base_url: str, connecting: Connecting | None = None, **options: Any) -> None:
        given: Any = {**who(base_url), "max_retries": 0, **options}
        self._loop = asyncio.Runner(loop_factory=_LOOPS[way]) if way in _LOOPS else None
        self._client: Any = (
            AsyncClient(**given, transport=TASKS["http1 async"](connecting or Connecting()))
            if way in _LOOPS
            else Client(**given, transport=THREADS[way](connecting or Connecting()))
        )

    def call(self, timeout: float | None = None) -> int:
        """Makes one call and gives its status."""
        told = self._client.fetch_instrument(*ASKED, timeout=timeout)
        return int((self._loop.run(told) if self._loop else told).status)

    def close(self) -> None:
        """Closes it."""
        done = self._client.close()
        if self._loop:
            self._loop.run(done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._loop:
            self._loop.close()
