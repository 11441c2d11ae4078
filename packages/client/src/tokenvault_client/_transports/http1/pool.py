"""The pool of idle connections, shared by the synchronous and the asynchronous transport."""

from __future__ import annotations

import select
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from tokenvault_client._transports import Connecting
from tokenvault_client._transports.http1.addresses import Origin
from tokenvault_client._transports.http1.messages import ResponseReader
from tokenvault_client.errors import CallTimeoutError

if TYPE_CHECKING:
    import ssl


class Connection(Protocol):
    """One connection of either transport."""

    reader: ResponseReader
    """The reader knows whether the connection can be used again."""
    idle_since: float

    def is_usable(self) -> bool:
        """Return whether the peer has sent nothing since the last response, not even the end of the connection."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


ConnectionT = TypeVar("ConnectionT", bound=Connection)


class ConnectionPool(Generic[ConnectionT]):
    """Keeps idle connections for the next calls.

    It has no lock: a fork could copy a locked one, which nothing in the child would ever release. Threads are safe
    without one, because a deque hands out each connection once.
    """

    def __init__(self, connecting: Connecting, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connecting = connecting
        self._monotonic = monotonic
        self._idle: defaultdict[str, deque[ConnectionT]] = defaultdict(deque)
        self._is_open = True
        self._tls_context: ssl.SSLContext | None = None

    def close(self) -> None:
        """Close all idle connections, and those in use as soon as their calls end."""
        self._is_open = False
        for idle in list(self._idle.values()):
            with suppress(IndexError):
                while True:
                    idle.pop().close()

    def take(self, origin: str) -> ConnectionT | None:
        """Return a usable idle connection, or None if there is none."""
        idle = self._idle[origin]
        while idle:
            # 1. Take the connection that was used last. The others can then grow old and be closed.
            try:
                connection = idle.pop()
            except IndexError:  # another thread took it first
                return None
            # 2. Reject it if it was idle for too long, or if the peer has sent or closed anything since.
            if self._is_recent(connection) and connection.is_usable():
                return connection
            connection.close()
        return None

    def put_back(self, origin: str, connection: ConnectionT) -> None:
        """Keep a connection after a call, and close those that were idle for too long."""
        # 1. Close it if the pool is closed, or if its response forbids another request.
        if not (self._is_open and connection.reader.is_reusable):
            connection.close()
            return
        # 2. Append it, so that the oldest connection is always the first.
        connection.idle_since = self._monotonic()
        idle = self._idle[origin]
        idle.append(connection)
        # 3. Close from the oldest on, up to the first recent one. The one that was just appended always stays.
        while len(idle) > 1:
            with suppress(IndexError):  # another thread took it first
                if self._is_recent(idle[0]):
                    break
                idle.popleft().close()

    def _is_recent(self, connection: ConnectionT) -> bool:
        return self._monotonic() - connection.idle_since < self._connecting.max_idle_seconds

    def _tls_context_for(self, origin: Origin) -> ssl.SSLContext | None:
        """Return the TLS context for an origin. Creating it takes as long as fifty calls, so it is created once."""
        if origin.is_secure and self._tls_context is None:
            from tokenvault_client._transports._tls import tls_context

            self._tls_context = tls_context(self._connecting.ca_pem)
        return self._tls_context if origin.is_secure else None


def seconds_before_sending(deadline: float) -> float:
    """Return the seconds until a deadline on the monotonic clock. Nothing has been sent yet.

    Raises:
        CallTimeoutError: No time remains.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise CallTimeoutError("no time was left to send the request", sent=False)
    return seconds


def readability_check(descriptor: int) -> Callable[[], bool]:
    """Return a function that returns whether a socket is readable: it has data, or the peer has closed it."""
    if not hasattr(select, "poll"):  # on Windows, where `select` accepts any socket
        return lambda: bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return lambda: bool(poll.poll(0))
