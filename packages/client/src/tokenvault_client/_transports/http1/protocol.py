"""The connection of a task, driven by the callbacks of the event loop."""

from __future__ import annotations

import asyncio
from typing import cast

from tokenvault_client._secrets import Secret
from tokenvault_client._transports import Response
from tokenvault_client._transports.http1.addresses import failure_reason
from tokenvault_client._transports.http1.messages import ResponseReader
from tokenvault_client._transports.http1.pool import readability_check, seconds_before_sending
from tokenvault_client.errors import CallTimeoutError, TransportError


class Connection(asyncio.Protocol):
    """One connection, which carries one exchange at a time.

    `_pending` is the future of the exchange that runs, and None while the connection is idle. The first callback that
    settles it decides the exchange; later ones change nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reader = ResponseReader()
        self.idle_since = 0.0
        self._loop = loop
        self._is_open = False
        self._pending: asyncio.Future[Response] | None = None

    async def exchange(self, request: Secret[bytes], deadline: float) -> Response:
        """Send a request and return its response.

        Raises:
            TransportError: No complete response arrived in time. The request may have arrived.
        """
        # 1. Fail before writing if no time remains, so that the error can say that nothing was sent.
        seconds = seconds_before_sending(deadline)
        # 2. Prepare for the response before writing: without a pending exchange, the callbacks close the connection on
        #    any data.
        self.reader.begin()
        pending: asyncio.Future[Response] = self._loop.create_future()
        self._pending = pending
        # 3. Bound the exchange with one timer, which is cheaper than a timeout context.
        timer = self._loop.call_later(seconds, self._expire)
        try:
            # 4. Write. The callbacks `data_received`, `eof_received` and `connection_lost` settle the future.
            self._transport.write(request.reveal())
            return await pending
        finally:
            timer.cancel()
            self._pending = None

    def is_usable(self) -> bool:
        """Return whether the peer has sent nothing, even if the loop has not yet had time to notice."""
        return self._is_open and not self._is_readable()

    def close(self) -> None:
        """Close the connection at once."""
        self._is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport to write to."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_readable = readability_check(transport.get_extra_info("socket").fileno())
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        """Feed the reader. Close the connection if the data belongs to no request."""
        if self._pending is None:
            self.close()
            return
        try:
            response = self.reader.feed(data)
        except TransportError as error:
            self._fail(error)
        else:
            if response:
                self._succeed(response)

    def eof_received(self) -> None:
        """Handle the end of the stream, which completes a response without a length."""
        self._is_open = False
        if self._pending and not self._pending.done() and not self._is_truncated():
            try:
                self._succeed(self.reader.end())
            except TransportError as incomplete:
                self._fail(incomplete)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the exchange that runs, if any."""
        self._is_open = False
        message = (
            f"the connection failed: {failure_reason(error)}"
            if error
            else "the connection was closed without a response"
        )
        self._fail(TransportError(message, sent=True))

    def _is_truncated(self) -> bool:
        """Return whether TCP ended but TLS did not. An attacker can cut a connection anywhere (RFC 8446, 6.1)."""
        if not (tls := self._transport.get_extra_info("ssl_object")):
            return False
        try:
            return bool(tls.read(1))
        except OSError:  # TLS waits for more data, so the peer has not ended it
            return True

    def _expire(self) -> None:
        self._fail(CallTimeoutError("no complete response arrived in time", sent=True))

    def _succeed(self, response: Response) -> None:
        if self._pending and not self._pending.done():
            self._pending.set_result(response)

    def _fail(self, error: TransportError) -> None:
        if self._pending and not self._pending.done():
            self._pending.set_exception(error)
