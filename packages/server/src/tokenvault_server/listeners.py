"""Listening sockets, and uvicorn servers that share an event loop: the emulator's, and the admin side of both modes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenvault_server.errors import SettingsError

logger = logging.getLogger(__name__)

_MAX_HEAD = 65_536
_TLS_HANDSHAKE = b"\x16\x03"
"""The first bytes of a TLS connection (RFC 8446, 5.1). No HTTP request begins with them."""


class BoundedHeads(HttpToolsProtocol):
    """HTTP with a bound on the request line and headers: neither uvicorn nor its parser sets one."""

    _is_first = True
    _is_in_head = True
    _head_bytes = 0

    def on_message_begin(self) -> None:
        """Start to count."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Stop counting: a body has its own bound."""
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; answer 400 and close when the head is too large, or when the client speaks TLS."""
        if self._is_first and data.startswith(_TLS_HANDSHAKE):
            self._reject_tls()
            return
        self._is_first = False
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._is_in_head else 0
        if self._head_bytes > _MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def _reject_tls(self) -> None:
        """Answer in plain HTTP, which a TLS library reports as no TLS, and tell the operator."""
        details = {"hint": "use http:// in the client's base URL", "origin": self.client[0] if self.client else ""}
        logger.warning("a client spoke TLS to a port of plain http", extra=details)
        self.send_400_response("This port speaks plain http. Use http:// in the URL.")


class QuietServer(uvicorn.Server):
    """A server that leaves signals to its owner: uvicorn would raise them again at its end and not exit with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        hint = "another process may have the port; 0 takes a free one"
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror}", hint=hint) from None
    listener.listen(2048)
    listener.setblocking(False)  # noqa: FBT003  # positional only
    return listener


def server_for(
    app: Any,  # noqa: ANN401  # uvicorn takes any ASGI callable
    drain_seconds: int,
    protocol: type[BoundedHeads] = BoundedHeads,
) -> QuietServer:
    """Return a server for an ASGI application that its owner opens and closes."""
    config = uvicorn.Config(
        app,
        http=protocol,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # otherwise any process of this machine could choose its apparent address
        timeout_graceful_shutdown=drain_seconds,
    )
    return QuietServer(config)


async def serve_until_stopped(servers: list[tuple[QuietServer, socket.socket]], ready: Callable[[], None]) -> None:
    """Serve on every socket, call `ready` when all of them answer, and drain after SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await serve_until(stopped, servers, ready)


async def serve_until(
    stopped: asyncio.Event, servers: list[tuple[QuietServer, socket.socket]], ready: Callable[[], None]
) -> None:
    """Serve on every socket, call `ready` when all of them answer, and drain when `stopped` is set."""
    serving = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers]
    while not all(server.started for server, _ in servers):
        await asyncio.sleep(0.001)
        if any(task.done() for task in serving):
            break
    ready()
    stopping = asyncio.create_task(_stop_after(stopped, servers))
    try:
        await asyncio.gather(*serving)
    finally:
        stopping.cancel()


async def _stop_after(stopped: asyncio.Event, servers: list[tuple[QuietServer, socket.socket]]) -> None:
    await stopped.wait()
    for server, _ in servers:
        server.should_exit = True
