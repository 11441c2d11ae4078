"""What both colours of the transport do alike: keep the connections that nobody uses, and make trust once."""

from __future__ import annotations

import select
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from tokenvault_client._transports import Connecting
from tokenvault_client._transports.http1.addresses import Origin
from tokenvault_client._transports.http1.messages import AnswerReader
from tokenvault_client.errors import CallTimeoutError

if TYPE_CHECKING:
    import ssl

MAX_IDLE_SECONDS: Final = 60
"""After that a gateway in between may have forgotten a connection without telling."""


class Connection(Protocol):
    """One connection, of either colour."""

    reader: AnswerReader
    """Knows whether it can be used again."""
    idle_since: float

    def is_usable(self) -> bool:
        """Tell whether the other side has kept silent since, and so keeps the connection as far as one can know."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


ConnectionT = TypeVar("ConnectionT", bound=Connection)


class Keeper(Generic[ConnectionT]):
    """Keeps connections until the next call.

    Threads need no lock here: a deque takes and gives each connection once. Nothing may need one, since one that
    another thread holds at a `fork` stays locked for ever.
    """

    def __init__(self, connecting: Connecting) -> None:
        self._connecting = connecting
        self._idle: defaultdict[str, deque[ConnectionT]] = defaultdict(deque)
        self._is_open = True
        self._context: ssl.SSLContext | None = None

    def close(self) -> None:
        """Hang up all of them, those in use as soon as their calls are done."""
        self._is_open = False
        for idle in list(self._idle.values()):
            with suppress(IndexError):
                while True:
                    idle.pop().close()

    def _kept(self, where: str) -> ConnectionT | None:
        """Gives a connection that was kept: the last used, since the others may grow old, and be hung up."""
        idle = self._idle[where]
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                return None
            if time.monotonic() - connection.idle_since < MAX_IDLE_SECONDS and connection.is_usable():
                return connection
            connection.close()
        return None

    def _keep(self, where: str, connection: ConnectionT) -> None:
        """Keeps a connection if it can be used again, and lets go of those that nobody needed for long."""
        if not (self._is_open and connection.reader.is_reusable):
            connection.close()
            return
        now = connection.idle_since = time.monotonic()
        idle = self._idle[where]
        idle.append(connection)
        while len(idle) > 1:
            with suppress(IndexError):  # another thread was faster
                if now - idle[0].idle_since < MAX_IDLE_SECONDS:
                    break
                idle.popleft().close()

    def _trust(self, where: Origin) -> ssl.SSLContext | None:
        """Gives what verifies an origin, which is made once: it takes as long as fifty calls."""
        if where.is_secure and self._context is None:
            from tokenvault_client._transports._trust import trust

            self._context = trust(self._connecting.ca_pem)
        return self._context if where.is_secure else None


def left(until: float) -> float:
    """Gives the seconds until a time on the monotonic clock, before anything is sent.

    Raises:
        CallTimeoutError: There are none.
    """
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise CallTimeoutError("no time was left to send anything", sent=False)
    return seconds


def readable(number: int) -> Callable[[], bool]:
    """Gives what tells whether a socket has something to read: an end, or what nobody asked for."""
    if not hasattr(select, "poll"):  # Windows, whose select takes any socket
        return lambda: bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return lambda: bool(poll.poll(0))
