"""granian, set up so that slow, silent and hostile clients cost little and harm nobody.

A connection is closed when its headers take too long (silence included, so idle ones go too), when it does not take
its answers, or when they are over their size; `api/asgi.py` bounds bodies. Many connections may be open meanwhile, so
that those who only hold some do not keep others out. Figures: docs/adr/0009.
"""

from __future__ import annotations

import os
import resource
import socket
from pathlib import Path
from typing import Any, Final

from granian._granian import ListenerSpec, SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from tokenvault_server.console.status import Status
from tokenvault_server.settings import Settings

HEADER_MILLISECONDS: Final = 10_000
UNREAD_MILLISECONDS: Final = 15_000
HEAD_BYTES: Final = 32_768
CONNECTIONS: Final = 16_384
"""At most; times `HEAD_BYTES` it is what clients together can make the vault remember."""

_SPARE_FILES = 512  # databases, logs, metrics, the admin listener
_BACKLOG = 2_048


class Listener:
    """A listening socket that a worker opens for itself when it is sent this."""

    def __init__(self, host: str, port: int) -> None:
        """Listen there."""
        self._place = (host, port)

    def __reduce__(self) -> tuple[Any, ...]:
        """Become the open socket on the other side."""
        return _listen, self._place


def _listen(host: str, port: int) -> SocketHolder:
    """Open the socket; what it accepts is closed when a client leaves its answers unread."""
    holder = ListenerSpec(host, port, _BACKLOG).build()
    with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
        # Connections inherit it. It counts while a client keeps its window shut, too (tcp(7)).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
    return holder


class ApiServer(MPServer):
    """Granian that says it is draining as soon as it is told to stop, so that nobody sends it new calls."""

    status: Status

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # granian's signature
        """Note the signal before granian acts on it."""
        self.status.draining = True
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]  # granian has no types here

    def _init_shared_socket(self) -> None:
        """Have workers open a socket of ours; opening it here as well tells at once when the port is taken."""
        _listen(self.bind_addr, self.bind_port)
        self._shd = Listener(self.bind_addr, self.bind_port)  # type: ignore[assignment]  # granian has no types here
        self._sso = None


def api_server(settings: Settings, workers: int, status: Status, logs: dict[str, Any]) -> ApiServer:
    """Give the server that the settings ask for, with so many processes that answer calls."""
    server = ApiServer(
        "tokenvault_server.serving.worker:worker_app",
        factory=True,
        interface=Interfaces.ASGI,
        # HTTP/1.1 alone: to tell HTTP/2 from it, granian waits for a first byte, and for that without a timeout.
        http=HTTPModes.http1,
        address=settings.host,
        port=settings.port,
        workers=workers,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.drain_seconds,
        backlog=_BACKLOG,
        backpressure=connections(),
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEAD_BYTES),
        ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=logs,
    )
    server.status = status
    return server


def connections() -> int:
    """Give how many connections may be open, having taken as many file descriptors as the system allows for them."""
    wanted = CONNECTIONS + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))  # the workers inherit it
    available = wanted if soft == resource.RLIM_INFINITY else soft
    return min(CONNECTIONS, max(available - _SPARE_FILES, available // 2))
