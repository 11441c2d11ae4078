"""Connections that a thread waits on, and the transport that keeps them."""

from __future__ import annotations

import socket
import time
import weakref
from queue import Empty, SimpleQueue
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
from tokenvault_client._transports.http1.keeping import Keeper, left, readable
from tokenvault_client._transports.http1.messages import AnswerReader, wire
from tokenvault_client.errors import CallTimeoutError, TransportError

if TYPE_CHECKING:
    import ssl

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
        self._is_readable = readable(connected.fileno())
        # Whoever drops a client without closing it did nothing that deserves a warning. A `__del__` can come too late:
        # of garbage in a circle the socket may go first.
        weakref.finalize(self, connected.close)

    def exchange(self, request: bytes, until: float) -> Response:
        """Send a request and give its answer.

        Raises:
            TransportError: There was none, or not in time; the request may have arrived.
        """
        seconds = left(until)
        self.reader.begin()
        try:
            self._socket.settimeout(seconds)
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
            seconds = until - time.monotonic()
            if seconds <= 0:
                raise TimeoutError
            self._socket.settimeout(seconds)
        return self.reader.end()

    def is_usable(self) -> bool:
        """Tell whether the other side has kept silent since."""
        return not self._is_readable()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class _Connections(Keeper[_Connection]):
    """The connections of one process."""

    def __init__(self, connecting: Connecting) -> None:
        super().__init__(connecting)
        self._free: SimpleQueue[None] = SimpleQueue()  # a semaphore takes a microsecond and a half more
        for _ in range(connecting.max_connections):
            self._free.put(None)

    def send(self, request: Request, seconds: float) -> Response:
        until = time.monotonic() + seconds
        where, target = split(request.url)
        content = wire(request, origin(where).authority, target)
        try:
            self._free.get(timeout=max(0, min(self._connecting.connect_seconds, seconds)))
        except Empty:
            raise CallTimeoutError("all connections were busy", sent=False) from None
        try:
            connection = self._kept(where) or self._connected(origin(where), until)
            try:
                return connection.exchange(content, until)
            finally:
                self._keep(where, connection)
        finally:
            self._free.put(None)

    def _connected(self, where: Origin, until: float) -> _Connection:
        trust = self._trust(where)
        latest = min(until, time.monotonic() + self._connecting.connect_seconds)
        failure: OSError = TimeoutError()
        with unsent():
            found = numeric(where) or named(where, latest - time.monotonic())
            for address, seconds in in_turn(found, latest):
                try:
                    return _Connection(_opened(address, where, trust, seconds))
                except OSError as error:
                    failure = error
            raise failure


def _opened(address: Address, where: Origin, trust: ssl.SSLContext | None, seconds: float) -> socket.socket:
    """Gives a socket that is connected to an address, and speaks to who has the name of the origin."""
    until = time.monotonic() + seconds
    opened = socket.create_connection(address, timeout=seconds)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if trust is None:
            return opened
        opened.settimeout(max(until - time.monotonic(), _A_MOMENT))
        # Whoever cuts the line must not be believed that an answer ends there.
        return trust.wrap_socket(opened, server_hostname=where.host, suppress_ragged_eofs=False)
    except BaseException:
        opened.close()
        raise
