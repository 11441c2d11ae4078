"""The synchronous transport: a pool of connections for each process."""

from __future__ import annotations

import socket
import time
import weakref
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from tokenvault_client._secrets import Secret
from tokenvault_client._transports import Connecting, Request, Response
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports.http1.addresses import (
    Address,
    Origin,
    failure_reason,
    numeric_addresses,
    parse_origin,
    resolve,
    split_url,
    unsent_errors,
    with_time_shares,
)
from tokenvault_client._transports.http1.messages import ResponseReader, encode_request
from tokenvault_client._transports.http1.pool import ConnectionPool, readability_check, seconds_before_sending
from tokenvault_client.errors import CallTimeoutError, TransportError

if TYPE_CHECKING:
    import ssl

_READ_BYTES: Final = 2**16
_MIN_TIMEOUT_SECONDS: Final = 0.001
"""A timeout of 0 would make a socket non-blocking."""


class Http1Transport:
    """Sends a `Client`'s requests over connections that it keeps for the next calls."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._pool = PerProcess(lambda: _Pool(connecting or Connecting()))

    def send(self, request: Request, seconds: float) -> Response:
        """Return the response within that many seconds, over the connections of this process."""
        return self._pool.get().send(request, seconds)

    def close(self) -> None:
        """Close the connections of this process."""
        if pool := self._pool.pop():
            pool.close()


class _Connection:
    """One connection, which carries one exchange at a time."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.reader = ResponseReader()
        self.idle_since = 0.0
        self._is_readable = readability_check(connected.fileno())
        # Dropping a client without closing it deserves no ResourceWarning. A `__del__` can run too late: in a reference
        # cycle, the socket may be collected first.
        weakref.finalize(self, connected.close)

    def exchange(self, request: Secret[bytes], deadline: float) -> Response:
        """Send a request and return its response.

        Raises:
            TransportError: No complete response arrived in time. The request may have arrived.
        """
        # Fail before writing if no time remains, so that the error can say that nothing was sent.
        seconds = seconds_before_sending(deadline)
        self.reader.begin()
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(request.reveal())
            return self._receive(deadline)
        except TimeoutError:
            raise CallTimeoutError("no complete response arrived in time", sent=True) from None
        except OSError as error:
            raise TransportError(f"the connection failed: {failure_reason(error)}", sent=True) from error

    def _receive(self, deadline: float) -> Response:
        while data := self._socket.recv(_READ_BYTES):
            if response := self.reader.feed(data):
                return response
            # Each read gets only the remaining time, so that a slow peer cannot extend the call.
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError
            self._socket.settimeout(seconds)
        return self.reader.end()

    def is_usable(self) -> bool:
        """Return whether the peer has sent nothing since the last response."""
        return not self._is_readable()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class _Pool(ConnectionPool[_Connection]):
    """The connections of one process."""

    def __init__(self, connecting: Connecting) -> None:
        super().__init__(connecting)
        # A queue of permits takes 1.5 microseconds less than a semaphore.
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(connecting.max_connections):
            self._permits.put(None)

    def send(self, request: Request, seconds: float) -> Response:
        """Return the response to a request."""
        # 1. Encode the request. This also finds out whether it is valid.
        deadline = time.monotonic() + seconds
        origin, target = split_url(request.url)
        content = encode_request(request, parse_origin(origin).authority, target)
        # 2. Wait for a permit, so that there are at most `max_connections` exchanges at once.
        try:
            self._permits.get(timeout=max(0, min(self._connecting.connect_seconds, seconds)))
        except Empty:
            raise CallTimeoutError("all connections were busy", sent=False) from None
        try:
            # 3. Reuse an idle connection or open one, and exchange the messages.
            connection = self.take(origin) or self._open(parse_origin(origin), deadline)
            try:
                return connection.exchange(content, deadline)
            finally:
                # 4. Keep the connection if the response was read completely, else close it.
                self.put_back(origin, connection)
        finally:
            self._permits.put(None)

    def _open(self, origin: Origin, deadline: float) -> _Connection:
        """Open a connection to the first address of an origin that accepts one in time."""
        context = self._tls_context_for(origin)
        deadline = min(deadline, time.monotonic() + self._connecting.connect_seconds)
        failure: OSError = TimeoutError()
        with unsent_errors():
            addresses = numeric_addresses(origin) or resolve(origin, deadline - time.monotonic())
            for address, seconds in with_time_shares(addresses, deadline):
                try:
                    return _Connection(_connected_socket(address, origin, context, seconds))
                except OSError as error:
                    failure = error
            raise failure


def _connected_socket(
    address: Address, origin: Origin, context: ssl.SSLContext | None, seconds: float
) -> socket.socket:
    """Return a socket that is connected to an address, whose certificate has the name of the origin."""
    deadline = time.monotonic() + seconds
    connected = socket.create_connection(address, timeout=seconds)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return connected
        connected.settimeout(max(deadline - time.monotonic(), _MIN_TIMEOUT_SECONDS))
        # Without `suppress_ragged_eofs`, an attacker could end a response by cutting the connection.
        return context.wrap_socket(connected, server_hostname=origin.host, suppress_ragged_eofs=False)
    except BaseException:
        connected.close()
        raise
