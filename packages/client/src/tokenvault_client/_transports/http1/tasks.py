"""The transport for tasks: keeps connections for each event loop, and makes new ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tokenvault_client._transports import Connecting, Request, Response
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports.http1.addresses import (
    Address,
    Origin,
    Outcome,
    found,
    in_turn,
    look_up,
    numeric,
    origin,
    split,
    unsent,
)
from tokenvault_client._transports.http1.keeping import Keeper
from tokenvault_client._transports.http1.messages import wire
from tokenvault_client._transports.http1.protocol import Connection
from tokenvault_client.errors import CallTimeoutError

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


class _Connections(Keeper[Connection]):
    """The connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connecting: Connecting) -> None:
        super().__init__(connecting)
        self._loop = loop
        self._free = asyncio.Semaphore(connecting.max_connections)

    async def send(self, request: Request, seconds: float) -> Response:
        until = time.monotonic() + seconds
        where, target = split(request.url)
        content = wire(request, origin(where).authority, target)
        await self._wait_for_a_free_one(seconds)
        try:
            connection = self._kept(where) or await self._connected(origin(where), until)
            try:
                return await connection.exchange(content, until)
            finally:
                self._keep(where, connection)
        finally:
            self._free.release()

    def __del__(self) -> None:
        """Hang up for a client that was dropped without being closed, while its loop goes on."""
        if self._is_open:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.close)

    async def _wait_for_a_free_one(self, seconds: float) -> None:
        if not self._free.locked():
            await self._free.acquire()  # at once
            return
        try:
            async with asyncio.timeout(min(self._connecting.connect_seconds, seconds)):
                await self._free.acquire()
        except TimeoutError:
            raise CallTimeoutError("all connections were busy", sent=False) from None

    async def _connected(self, where: Origin, until: float) -> Connection:
        trust = self._trust(where)
        latest = min(until, time.monotonic() + self._connecting.connect_seconds)
        failure: OSError = TimeoutError()
        with unsent():
            addresses = numeric(where) or await self._named(where, latest - time.monotonic())
            for address, seconds in in_turn(addresses, latest):
                try:
                    async with asyncio.timeout(seconds):
                        return await self._opened(address, where, trust)
                except OSError as error:
                    failure = error
            raise failure

    async def _named(self, where: Origin, seconds: float) -> Sequence[Address]:
        """Gives the addresses of an origin's name, without the loop's own threads: the program may keep them busy."""
        told: asyncio.Future[Outcome] = self._loop.create_future()

        def settle(outcome: Outcome) -> None:
            if not told.done():
                told.set_result(outcome)

        def tell(outcome: Outcome) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(settle, outcome)

        look_up(where, tell)
        async with asyncio.timeout(seconds):
            return found(await told)

    async def _opened(self, address: Address, where: Origin, trust: ssl.SSLContext | None) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop), *address, ssl=trust, server_hostname=where.host if trust else None
        )
        return connection
