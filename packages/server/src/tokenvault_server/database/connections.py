"""A few connections to a PostgreSQL server, shared by everybody in this process.

asyncpg has a pool of its own. It starts a task for each release and sends a statement that resets the session; a point
read through it costs two to three times the CPU of one through this (docs/adr/0023).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tokenvault_server.errors import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    PgConnection = Connection[Record]

_SHORTEST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
_IDLE_SECONDS: Final = 300.0
"""What was idle for longer may have been cut off by a firewall on the way, without anybody being told."""


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """How a server is used."""

    connections: int = 16
    """At most so many, for each process."""
    timeout_seconds: float = 5.0
    """How long a statement may take, and how long a call waits for a connection."""
    prepared_statements: bool = True
    """Whether statements stay prepared; not behind a pooler that does not know of them."""


class Backoff:
    """Paces the attempts to reach a server that is away, from every call's point of view.

    An outage that is shorter than `patience` is waited out. In a longer one every call fails at once, but for the few
    that try again after each pause.
    """

    def __init__(self, now: Callable[[], float], patience: float) -> None:
        """Measure time by `now`, in seconds."""
        self._now = now
        self._patience = patience
        self._was_reached = False
        self._away_since = 0.0
        self._until = 0.0
        self._failures = 0
        self.reason: StoreError | None = None
        """Why the server cannot be used, while it cannot."""

    async def pause(self) -> None:
        """Return when it is time to try; raise what kept the others from it when that is not worth waiting for."""
        now = self._now()
        if self.reason is None or now >= self._until:
            return
        if not self._was_reached or now - self._away_since > self._patience:
            raise type(self.reason)(self.reason.message, hint=self.reason.hint)
        await asyncio.sleep(self._until - now)

    def failed(self, reason: StoreError) -> None:
        """Begin a pause, twice as long as the one before."""
        now = self._now()
        if self.reason is None:
            self._away_since = now
        self._until = now + min(_SHORTEST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        self.reason = reason

    def succeeded(self) -> None:
        """Begin anew."""
        self._was_reached = True
        self._failures = 0
        self.reason = None


class Connections:
    """Up to `limit` connections, opened when they are needed; the one that was used last is given out first."""

    def __init__(self, connect: Callable[[], Awaitable[PgConnection]], limit: int, patience: float) -> None:
        """Open by `connect`, which raises StoreError; have callers wait up to `patience` seconds for one."""
        self._connect = connect
        self._limit = limit
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(self._loop.time, patience)
        self._idle: list[tuple[PgConnection, float]] = []
        self._places = 0  # connections that are idle, in use or being opened
        self._waiting: deque[asyncio.Future[PgConnection | None]] = deque()
        self._closed = False

    async def take(self) -> PgConnection:
        """Give a connection that is open as far as anybody knows; `give_back` it in any case.

        Raises:
            StoreUnavailableError: the server cannot be reached, or all connections are in use for too long.
        """
        if self._closed:
            raise StoreError("the database is closed")
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.is_closed() and self._loop.time() - since < _IDLE_SECONDS:
                return connection
            connection.terminate()
            self._places -= 1
        if self._places < self._limit:
            self._places += 1
            return await self._open()
        return await self._wait() or await self._open()

    def give_back(self, connection: PgConnection) -> None:
        """Take a connection back; one that broke, or was left inside a transaction, is not used again."""
        if self._closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
            self._pass_on(None)
        else:
            self._pass_on(connection)

    def drop_idle(self) -> None:
        """Close what nobody uses at the moment: those connections lead to a server that is not the right one."""
        for connection, _ in self._idle:
            connection.terminate()
        self._places -= len(self._idle)
        self._idle.clear()

    async def close(self) -> None:
        """Close every connection; those that are in use when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            await connection.close()

    async def _open(self) -> PgConnection:
        """Open a connection in a place that was taken for it."""
        try:
            while (connection := await self._try()) is None:
                await self._backoff.pause()
        except BaseException:
            self._pass_on(None)
            raise
        self._backoff.succeeded()
        return connection

    async def _try(self) -> PgConnection | None:
        """Try once to open a connection, after the pause that others may have begun."""
        await self._backoff.pause()
        try:
            return await self._connect()
        except StoreError as error:
            self._backoff.failed(error)
            return None

    async def _wait(self) -> PgConnection | None:
        """Wait for a connection, or for the place of one that is gone."""
        waiter: asyncio.Future[PgConnection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        alarm = self._loop.call_later(self._patience, self._give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._pass_on(waiter.result())  # it came at the same moment
            raise
        finally:
            alarm.cancel()

    def _pass_on(self, connection: PgConnection | None) -> None:
        """Give a connection, or its place, to whoever waits longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._places -= 1
        else:
            self._idle.append((connection, self._loop.time()))

    def _give_up(self, waiter: asyncio.Future[PgConnection | None]) -> None:
        if not waiter.done():
            waiter.set_exception(
                self._backoff.reason
                or StoreUnavailableError(
                    f"all {self._limit} connections to the database are in use", hint="see store_connections"
                )
            )
