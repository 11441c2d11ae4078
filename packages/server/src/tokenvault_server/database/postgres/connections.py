"""A few connections to a PostgreSQL server, shared by all callers in this process.

asyncpg has a pool of its own. It starts a task for each release and sends a statement that resets the session; a point
read through it costs two to three times the CPU of one through this (docs/adr/0023).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from tokenvault_server.errors import StoreError, StoreUnavailableError
from tokenvault_server.telemetry.store_counts import Failure, Pool, StoreCounts

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    PgConnection = Connection[Record]

_SHORTEST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
_IDLE_SECONDS: Final = 300.0
"""A firewall on the way may have dropped a connection that was idle for longer, without notice to either end."""


class Backoff:
    """Paces the attempts of all callers to reach a server that is away.

    Callers wait out an outage that is shorter than `patience`. In a longer one every call fails at once, except for the
    few that try again after each pause.
    """

    def __init__(self, now: Callable[[], float], patience: float) -> None:
        """Measure time by `now`; `patience` is in seconds as well."""
        self._now = now
        self._patience = patience
        self._was_reached = False
        self._away_since = 0.0
        self._until = 0.0
        self._failures = 0
        self.reason: StoreError | None = None
        """Why the server cannot be used at the moment, or None."""

    async def pause(self) -> None:
        """Return when it is time to try; in a long outage raise the reason of the last failure at once."""
        now = self._now()
        # 1. The server is well, or the pause is over: try now.
        if self.reason is None or now >= self._until:
            return
        # 2. It was never reached, or is away for too long: fail at once, with an exception of this caller's own.
        if not self._was_reached or now - self._away_since > self._patience:
            raise type(self.reason)(self.reason.message, hint=self.reason.hint)
        # 3. A short outage: wait for the end of the pause.
        await asyncio.sleep(self._until - now)

    def failed(self, reason: StoreError) -> None:
        """Begin a pause, twice as long as the one before, up to a second."""
        now = self._now()
        if self.reason is None:
            self._away_since = now
        self._until = now + min(_SHORTEST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        self.reason = reason

    def succeeded(self) -> None:
        """Forget the outage."""
        self._was_reached = True
        self._failures = 0
        self.reason = None


class Connections:
    """Up to `limit` connections, opened when they are needed; the one that was used last is lent first."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[PgConnection]],
        limit: int,
        patience: float,
        counts: StoreCounts | None = None,
    ) -> None:
        """Open with `connect`, which raises StoreError; let callers wait up to `patience` seconds for a connection."""
        self._counts = counts or StoreCounts()
        self._connect = connect
        self._limit = limit
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(self._loop.time, patience)
        self._idle: list[tuple[PgConnection, float]] = []
        self._count = 0  # connections that are idle, in use or being opened
        self._waiting: deque[asyncio.Future[PgConnection | None]] = deque()
        self._closed = False

    async def take(self) -> PgConnection:
        """Return a connection that is open as far as this end knows; the caller must `give_back` it.

        Raises:
            StoreUnavailableError: the server cannot be reached, or all connections are in use for too long.
        """
        if self._closed:
            raise StoreError("the database is closed")
        # 1. The newest idle connection; those that are closed or idle for too long are dropped on the way.
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.is_closed() and self._loop.time() - since < _IDLE_SECONDS:
                self._counts.waited(0)
                return connection
            connection.terminate()
            self._count -= 1
        began = self._loop.time()
        try:
            # 2. A new one. It counts before it is open, so that no other caller exceeds the limit meanwhile.
            if self._count < self._limit:
                self._count += 1
                return await self._open()
            # 3. One that another caller hands over; or its right to open one, when that connection was unusable.
            return await self._wait() or await self._open()
        finally:
            self._counts.waited(self._loop.time() - began)

    def usage(self) -> Pool:
        """Return how the connections are used at this moment; one that is being opened counts as used."""
        waiting = sum(not waiter.done() for waiter in self._waiting)
        return Pool(self._limit, self._count, self._count - len(self._idle), waiting)

    def give_back(self, connection: PgConnection) -> None:
        """Take a connection back; close one that broke or was left inside a transaction."""
        if self._closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
            self._hand_over(None)
        else:
            self._hand_over(connection)

    def drop_idle(self) -> None:
        """Close the idle connections, which lead to a server that is not the right one any more."""
        for connection, _ in self._idle:
            connection.terminate()
        self._count -= len(self._idle)
        self._idle.clear()

    async def close(self) -> None:
        """Close every idle connection now, and those in use when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            await connection.close()

    async def _open(self) -> PgConnection:
        """Open a connection that is counted already; when that fails, a waiting caller may open one."""
        try:
            while (connection := await self._try()) is None:
                await self._backoff.pause()
        except BaseException:
            self._hand_over(None)
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
        """Wait for a connection; None means that the caller may open one instead of one that is gone."""
        waiter: asyncio.Future[PgConnection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        timer = self._loop.call_later(self._patience, self._give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # A connection may have been handed over in the same iteration of the loop: the next caller gets it.
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._hand_over(waiter.result())
            raise
        finally:
            timer.cancel()

    def _hand_over(self, connection: PgConnection | None) -> None:
        """Give a connection, or with None the right to open one, to the caller that waits longest."""
        # 1. Callers wait in order. One that is done was cancelled, or has waited too long.
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        # 2. Nobody waits: keep the connection, or count one fewer.
        if connection is None:
            self._count -= 1
        else:
            self._idle.append((connection, self._loop.time()))

    def _give_up(self, waiter: asyncio.Future[PgConnection | None]) -> None:
        if not waiter.done():
            self._counts.failed(Failure.CONNECTION_LOST if self._backoff.reason else Failure.POOL_EXHAUSTED)
            waiter.set_exception(
                self._backoff.reason
                or StoreUnavailableError(
                    f"all {self._limit} connections to the database are in use", hint="see store_connections"
                )
            )
