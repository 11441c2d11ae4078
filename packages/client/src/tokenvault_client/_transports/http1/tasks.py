"""The asynchronous transport: a pool of connections for each event loop."""

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
    LookupResult,
    Origin,
    addresses_of,
    numeric_addresses,
    parse_origin,
    split_url,
    start_lookup,
    unsent_errors,
    with_time_shares,
)
from tokenvault_client._transports.http1.messages import encode_request
from tokenvault_client._transports.http1.pool import ConnectionPool
from tokenvault_client._transports.http1.protocol import Connection
from tokenvault_client.errors import CallTimeoutError

if TYPE_CHECKING:
    import ssl


class AsyncHttp1Transport:
    """Sends an `AsyncClient`'s requests over connections that it keeps for the next calls, on any event loop."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._connecting = connecting or Connecting()
        self._pools: PerProcess[dict[asyncio.AbstractEventLoop, _Pool]] = PerProcess(dict)

    async def send(self, request: Request, seconds: float) -> Response:
        """Return the response within that many seconds, over connections of the running loop."""
        loop = asyncio.get_running_loop()
        try:
            pool = self._pools.get()[loop]
        except KeyError:
            pool = self._create_pool(loop)
        return await pool.send(request, seconds)

    async def close(self) -> None:
        """Close the connections of the running loop."""
        if pool := self._pools.get().pop(asyncio.get_running_loop(), None):
            pool.close()
            await asyncio.sleep(0)  # the loop reports the end of the connections in its next iteration

    def _create_pool(self, loop: asyncio.AbstractEventLoop) -> _Pool:
        """Create the pool of a loop, and forget the pools of loops that have ended."""
        pools = self._pools.get()
        for ended in [other for other in list(pools) if other.is_closed()]:
            pools.pop(ended, None)
        return pools.setdefault(loop, _Pool(loop, self._connecting))


class _Pool(ConnectionPool[Connection]):
    """The connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connecting: Connecting) -> None:
        super().__init__(connecting)
        self._loop = loop
        self._permits = asyncio.Semaphore(connecting.max_connections)

    async def send(self, request: Request, seconds: float) -> Response:
        """Return the response to a request."""
        # 1. Encode the request. This also finds out whether it is valid.
        deadline = time.monotonic() + seconds
        origin, target = split_url(request.url)
        content = encode_request(request, parse_origin(origin).authority, target)
        # 2. Wait for a permit, so that there are at most `max_connections` exchanges at once.
        await self._acquire_permit(seconds)
        try:
            # 3. Reuse an idle connection or open one, and exchange the messages.
            connection = self.take(origin) or await self._open(parse_origin(origin), deadline)
            try:
                return await connection.exchange(content, deadline)
            finally:
                # 4. Keep the connection if the response was read completely, else close it.
                self.put_back(origin, connection)
        finally:
            self._permits.release()

    def __del__(self) -> None:
        """Close the connections of a client that was dropped without being closed, while its loop still runs."""
        if self._is_open:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.close)

    async def _acquire_permit(self, seconds: float) -> None:
        if not self._permits.locked():
            await self._permits.acquire()  # returns at once, without a timer
            return
        try:
            async with asyncio.timeout(min(self._connecting.connect_seconds, seconds)):
                await self._permits.acquire()
        except TimeoutError:
            raise CallTimeoutError("all connections were busy", sent=False) from None

    async def _open(self, origin: Origin, deadline: float) -> Connection:
        """Open a connection to the first address of an origin that accepts one in time."""
        context = self._tls_context_for(origin)
        deadline = min(deadline, time.monotonic() + self._connecting.connect_seconds)
        failure: OSError = TimeoutError()
        with unsent_errors():
            addresses = numeric_addresses(origin) or await self._resolve(origin, deadline - time.monotonic())
            for address, seconds in with_time_shares(addresses, deadline):
                try:
                    async with asyncio.timeout(seconds):
                        return await self._connect(address, origin, context)
                except OSError as error:
                    failure = error
            raise failure

    async def _resolve(self, origin: Origin, seconds: float) -> Sequence[Address]:
        """Return the addresses of an origin's name, without the loop's executor: the program may keep it busy."""
        pending: asyncio.Future[LookupResult] = self._loop.create_future()

        def settle(result: LookupResult) -> None:
            if not pending.done():
                pending.set_result(result)

        def report(result: LookupResult) -> None:
            # This runs in the thread of the lookup, so it passes the result to the loop.
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(settle, result)

        start_lookup(origin, report)
        async with asyncio.timeout(seconds):
            return addresses_of(await pending)

    async def _connect(self, address: Address, origin: Origin, context: ssl.SSLContext | None) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop), *address, ssl=context, server_hostname=origin.host if context else None
        )
        return connection
