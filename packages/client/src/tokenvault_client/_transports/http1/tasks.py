"""Connections that tasks wait on, and the transport that keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

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
from tokenvault_client._transports.http1.threads import MAX_IDLE_SECONDS
from tokenvault_client.errors import CallTimeoutError, TransportError

if TYPE_CHECKING:
    import ssl


class AsyncHttp1Transport:
    """Carries an `AsyncClient`'s requests, over connections that are kept for the next ones; on any event loop."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._connecting = connecting or Connecting()
        self._own: PerProcess[dict[asyncio.AbstractEventLoop, _Connections]] = PerProcess(dict)

    async def send(self, request: Request, seconds: float) -> Response:
        """Give the answer within that many seconds, over connections of the loop that runs."""
        loop = asyncio.get_running_loop()
        try:
            connections = self._own.get()[loop]
        except KeyError:
            connections = self._new_connections(loop)
        return await connections.send(request, seconds)

    async def close(self) -> None:
        """Let go of the connections of the loop that runs."""
        if own := self._own.get().pop(asyncio.get_running_loop(), None):
            own.close()
            await asyncio.sleep(0)  # what hangs up is told so by the loop

    def _new_connections(self, loop: asyncio.AbstractEventLoop) -> _Connections:
        """Give the first connections of a loop, and forget those of loops that have ended."""
        own = self._own.get()
        for ended in [other for other in list(own) if other.is_closed()]:
            own.pop(ended, None)
        return own.setdefault(loop, _Connections(loop, self._connecting))


class _Connection(asyncio.Protocol):
    """One connection; `reader` knows whether it can be used again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reader = AnswerReader()
        self.idle_since = 0.0
        self._loop = loop
        self._is_open = False
        self._waiting: asyncio.Future[Response] | None = None

    async def exchange(self, request: bytes, seconds: float) -> Response:
        """Send a request and give its answer.

        Raises:
            TransportError: There was none, or not in time; the request may have arrived.
        """
        self.reader.begin()
        waiting: asyncio.Future[Response] = self._loop.create_future()
        self._waiting = waiting
        timer = self._loop.call_later(seconds, self._expire)
        try:
            self._transport.write(request)
            return await waiting
        finally:
            timer.cancel()
            self._waiting = None

    def is_usable(self) -> bool:
        """Tell whether the other side has kept silent since, and so keeps the connection as far as one can know."""
        return self._is_open and self._loop.time() - self.idle_since < MAX_IDLE_SECONDS

    def close(self) -> None:
        """Hang up."""
        self._is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note what to write to."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        """Read on; what nobody asked for ends the connection."""
        if self._waiting is None:
            self.close()
            return
        try:
            answer = self.reader.feed(data)
        except TransportError as error:
            self._fail(error)
        else:
            if answer:
                self._succeed(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end, which is that of some answers."""
        self._is_open = False
        if error:
            self._fail(TransportError(f"the connection failed: {reason(error)}", sent=True))
        elif self._waiting and not self._waiting.done():
            try:
                self._succeed(self.reader.end())
            except TransportError as unfinished:
                self._fail(unfinished)

    def _expire(self) -> None:
        self._fail(CallTimeoutError("no whole answer came in time", sent=True))

    def _succeed(self, answer: Response) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(answer)

    def _fail(self, error: TransportError) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)


class _Connections:
    """The connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connecting: Connecting) -> None:
        self._loop = loop
        self._connecting = connecting
        self._free = asyncio.Semaphore(connecting.max_connections)
        self._idle: dict[str, list[_Connection]] = {}
        self._is_open = True

    async def send(self, request: Request, seconds: float) -> Response:
        until = self._loop.time() + seconds
        where, target = split(request.url)
        content = wire(request, origin(where).authority, target)
        await self._wait_for_a_free_one(seconds)
        try:
            connection = self._kept(where) or await self._connected(origin(where), until)
            try:
                return await connection.exchange(content, until - self._loop.time())
            finally:
                self._keep(where, connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Hang up all of them, those in use as soon as their calls are done."""
        self._is_open = False
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    async def _wait_for_a_free_one(self, seconds: float) -> None:
        if not self._free.locked():
            await self._free.acquire()  # at once
            return
        try:
            async with asyncio.timeout(min(self._connecting.connect_seconds, seconds)):
                await self._free.acquire()
        except TimeoutError:
            raise CallTimeoutError("all connections were busy", sent=False) from None

    def _kept(self, where: str) -> _Connection | None:
        idle = self._idle.setdefault(where, [])
        while idle:  # the last used first: the others may grow old, and be hung up
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _keep(self, where: str, connection: _Connection) -> None:
        if self._is_open and connection.reader.is_reusable:
            connection.idle_since = self._loop.time()
            self._idle[where].append(connection)
        else:
            connection.close()

    async def _connected(self, where: Origin, until: float) -> _Connection:
        trust = self._trust if where.is_secure else None
        latest = min(until, self._loop.time() + self._connecting.connect_seconds)
        failure: OSError = TimeoutError()
        with unsent():
            found = numeric(where) or await self._named(where, latest - self._loop.time())
            for address, seconds in in_turn(found, lambda: latest - self._loop.time()):
                try:
                    async with asyncio.timeout(seconds):
                        return await self._opened(address, where, trust)
                except OSError as error:
                    failure = error
            raise failure

    async def _named(self, where: Origin, seconds: float) -> Sequence[Address]:
        return await self._loop.run_in_executor(None, named, where, seconds)

    async def _opened(self, address: Address, where: Origin, trust: ssl.SSLContext | None) -> _Connection:
        _, connection = await self._loop.create_connection(
            lambda: _Connection(self._loop), *address, ssl=trust, server_hostname=where.host if trust else None
        )
        return connection

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        from tokenvault_client._transports._trust import trust

        return trust(self._connecting.ca_pem)
