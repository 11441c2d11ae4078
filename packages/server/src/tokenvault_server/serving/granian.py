"""granian, set up so that slow, silent and hostile clients cost little and harm no other client.

granian closes a connection when its headers take too long (an idle connection counts as one), when its client does not
read answers, or when its headers are too large; `api/asgi.py` bounds bodies. Many connections may be open meanwhile,
so that clients who only hold connections do not keep others out. Measurements: docs/adr/0009.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from granian._granian import ListenerSpec, SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from tokenvault_server.console.status import Status
from tokenvault_server.serving.worker import worker_app
from tokenvault_server.settings import Settings

logger = logging.getLogger(__name__)

_JOIN_SECONDS = 1.0
_SIGNAL_SECONDS = 0.2
_SPARE_FILES = 512  # databases, logs, metrics, the admin listener


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How much a client may take of each connection, and all clients together."""

    header_milliseconds: int = 10_000
    unread_milliseconds: int = 15_000
    """How long a client may leave its answers unread."""
    head_bytes: int = 32_768
    connections: int = 16_384
    """At most; times `head_bytes` this bounds the memory that clients together can fill."""
    backlog: int = 2_048


class Listener:
    """A listening socket that a worker opens when it unpickles this object."""

    def __init__(self, host: str, port: int, limits: ConnectionLimits) -> None:
        """Listen there."""
        self._arguments = (host, port, limits)

    def __reduce__(self) -> tuple[Any, ...]:
        """Become the open socket in the other process."""
        return _listen, self._arguments


def _listen(host: str, port: int, limits: ConnectionLimits) -> SocketHolder:
    """Open the socket; an accepted connection is closed when its client leaves answers unread."""
    holder = ListenerSpec(host, port, limits.backlog).build()
    with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
        # Accepted connections inherit the option. It also counts while a client keeps its window shut (tcp(7)).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limits.unread_milliseconds)
    return holder


class SignalAwareEvent(threading.Event):
    """An event whose wait notices signals, whichever thread receives them.

    Python runs signal handlers in the main thread only. A signal that the system delivers to another thread does not
    wake a main thread that waits for a lock, so a SIGTERM would wait for the next signal. granian's main loop waits
    like that.
    """

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the event, and let signal handlers run every fifth of a second."""
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(_SIGNAL_SECONDS):
            pass
        return True


class ApiServer(MPServer):
    """granian, with workers that are sent their settings, and a status that says at once that it drains."""

    settings: Settings
    status: Status
    limits: ConnectionLimits
    on_worker_end: Callable[[int], None]
    """Is called with the process id of a worker that ended by itself."""

    def run(self) -> None:
        """Serve until a signal. Each worker process, a respawned one too, gets the settings by pickle."""
        self.serve(target_loader=partial(worker_app, self.settings), wrap_loader=False)

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # granian's signature
        """Report that the server drains before granian acts on the signal, so that no new calls are sent here."""
        self.status.draining = True
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]  # granian has no types here

    def _respawn_workers(self, workers: list[int], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as above
        """Log how each worker ended before another takes its place: granian's own line does not say."""
        for number in workers:
            process = self.wrks[number].inner
            logger.error("a worker process ended and is replaced", extra=_end_of(number, process))
            self.on_worker_end(process.pid)
        super()._respawn_workers(workers, *args, **kwargs)

    def _init_shared_socket(self) -> None:
        """Have each worker open a socket of ours."""
        self._shd = Listener(self.bind_addr, self.bind_port, self.limits)  # type: ignore[assignment]  # no types here
        self._sso = None


def api_server(
    settings: Settings,
    workers: int,
    status: Status,
    logs: dict[str, Any],
    limits: ConnectionLimits | None = None,
    on_worker_end: Callable[[int], None] = lambda _: None,
) -> ApiServer:
    """Return the server that the settings describe, with `workers` processes that answer calls."""
    limits = limits or ConnectionLimits()
    server = ApiServer(
        "tokenvault_server.serving.worker:worker_app",  # shown in the process list; `run` passes the function itself
        interface=Interfaces.ASGI,
        # HTTP/1.1 alone: to tell HTTP/2 from it, granian waits for a first byte, and it does so without a timeout.
        http=HTTPModes.http1,
        address=settings.host,
        port=settings.port,
        workers=workers,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.drain_seconds,
        backlog=limits.backlog,
        backpressure=connections(limits),
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=limits.header_milliseconds, max_buffer_size=limits.head_bytes),
        ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=logs,
    )
    server.settings, server.status, server.limits = settings, status, limits
    server.on_worker_end = on_worker_end
    server.main_loop_interrupt = SignalAwareEvent()
    return server


def _end_of(number: int, process: BaseProcess) -> dict[str, object]:
    """Return the fields of a log line about a worker process that ended."""
    process.join(_JOIN_SECONDS)
    ended: dict[str, object] = {"worker": number + 1, "pid": process.pid, "exit_code": process.exitcode}
    if process.exitcode == -signal.SIGKILL:
        ended["hint"] = "it was killed: when the machine is short of memory, the kernel's log says so"
    return ended


def connections(limits: ConnectionLimits) -> int:
    """Return how many connections may be open, after raising the limit of file descriptors as far as allowed."""
    wanted = limits.connections + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))  # the workers inherit it
    available = wanted if soft == resource.RLIM_INFINITY else soft
    return min(limits.connections, max(available - _SPARE_FILES, available // 2))
