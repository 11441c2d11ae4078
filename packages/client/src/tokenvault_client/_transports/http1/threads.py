"""Connections that a thread waits on, and the transport that keeps them."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tokenvault_client._transports import Connecting, Request, Response
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports.http1.addresses import (
    Address,
    Origin,
    in_turn,
    named,
    numeric,
    origin,
    reason,
    split,
    unsent,
)
from tokenvault_client._transports.http1.messages import AnswerReader, wire
from tokenvault_client.errors import CallTimeoutError, TransportError

if TYPE_CHECKING:
    import ssl

MAX_IDLE_SECONDS: Final = 60
"""After that a gateway in between may have forgotten a connection without telling."""

_PART_BYTES: Final = 2**16
_A_MOMENT: Final = 0.001
"""Seconds; none at all would mean without waiting."""


class Http1Transport:
    """Carries a `Client`'s requests, over connections that are kept for the next ones."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._own = PerProcess(lambda: _Connections(connecting or Connecting()))

    def send(self, request: Request, seconds: float) -> Response:
        """Give the answer within that many seconds, over this process's connections."""
        return self._own.get().send(request, seconds)

    def close(self) -> None:
        """Let go of this process's connections."""
        if own := self._own.take():
            own.close()


class _Connection:
    """One connection; `reader` knows whether it can be used again."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.reader = AnswerReader()
        self.idle_since = 0.0
        self._is_readable = _readable(connected)

    def exchange(self, request: bytes, until: float) -> Response:
        """Send a request and give its answer.

        Raises:
            TransportError: There was none, or not in time; the request may have arrived.
        """
        self.reader.begin()
        try:
            self._wait_at_most(until)
            self._socket.sendall(request)
            return self._answer(until)
        except TimeoutError:
            raise CallTimeoutError("no whole answer came in time", sent=True) from None
        except OSError as error:
            raise TransportError(f"the connection failed: {reason(error)}", sent=True) from error

    def _answer(self, until: float) -> Response:
        while data := self._socket.recv(_PART_BYTES):
            if answer := self.reader.feed(data):
                return answer
            self._wait_at_most(until)
        return self.reader.end()

    def _wait_at_most(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def is_usable(self) -> bool:
        """Tell whether the other side has kept silent since, and so keeps the connection as far as one can know."""
        return time.monotonic() - self.idle_since < MAX_IDLE_SECONDS and not self._is_readable()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __del__(self) -> None:
        """Hang up for a client that was dropped without being closed: it did nothing that deserves a warning."""
        self._socket.close()


class _Connections:
    """The connections of one process."""

    def __init__(self, connecting: Connecting) -> None:
        self._connecting = connecting
        self._free = threading.Semaphore(connecting.max_connections)
        self._idle: dict[str, list[_Connection]] = {}
        self._is_open = True

    def send(self, request: Request, seconds: float) -> Response:
        until = time.monotonic() + seconds
        where, target = split(request.url)
        content = wire(request, origin(where).authority, target)
        if not self._free.acquire(timeout=min(self._connecting.connect_seconds, seconds)):
            raise CallTimeoutError("all connections were busy", sent=False)
        try:
            connection = self._kept(where) or self._connected(origin(where), until)
            try:
                return connection.exchange(content, until)
            finally:
                self._keep(where, connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Hang up all of them, those in use as soon as their calls are done."""
        self._is_open = False
        for idle in list(self._idle.values()):
            while connection := _popped(idle):
                connection.close()

    def _kept(self, where: str) -> _Connection | None:
        idle = self._idle.setdefault(where, [])
        while connection := _popped(idle):  # the last used first: the others may grow old, and be hung up
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _keep(self, where: str, connection: _Connection) -> None:
        if self._is_open and connection.reader.is_reusable:
            connection.idle_since = time.monotonic()
            self._idle[where].append(connection)
        else:
            connection.close()

    def _connected(self, where: Origin, until: float) -> _Connection:
        trust = self._trust if where.is_secure else None
        latest = min(until, time.monotonic() + self._connecting.connect_seconds)
        failure: OSError = TimeoutError()
        with unsent():
            found = numeric(where) or named(where, latest - time.monotonic())
            for address, seconds in in_turn(found, lambda: latest - time.monotonic()):
                try:
                    return _Connection(_opened(address, where, trust, seconds))
                except OSError as error:
                    failure = error
            raise failure

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        from tokenvault_client._transports._trust import trust

        return trust(self._connecting.ca_pem)


def _opened(address: Address, where: Origin, trust: ssl.SSLContext | None, seconds: float) -> socket.socket:
    """Gives a socket that is connected to an address, and speaks to who has the name of the origin."""
    until = time.monotonic() + seconds
    opened = socket.create_connection(address, timeout=seconds)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if trust is None:
            return opened
        opened.settimeout(max(until - time.monotonic(), _A_MOMENT))
        return trust.wrap_socket(opened, server_hostname=where.host)
    except BaseException:
        opened.close()
        raise


def _popped(idle: list[_Connection]) -> _Connection | None:
    """Gives the last one; other threads take some as well."""
    try:
        return idle.pop()
    except IndexError:
        return None


def _readable(connected: socket.socket) -> Callable[[], bool]:
    """Gives what tells whether a socket has something to read: an end, or what nobody asked for."""
    if not hasattr(select, "poll"):  # Windows, whose select takes any socket
        return lambda: bool(select.select([connected], [], [], 0)[0])
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return lambda: bool(poll.poll(0))
