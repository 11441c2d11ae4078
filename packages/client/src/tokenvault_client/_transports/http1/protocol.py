"""A connection that tasks wait on, as the event loop tells it what happens."""

from __future__ import annotations

import asyncio
from typing import cast

from tokenvault_client._transports import Response
from tokenvault_client._transports.http1.addresses import reason
from tokenvault_client._transports.http1.keeping import left, readable
from tokenvault_client._transports.http1.messages import AnswerReader
from tokenvault_client.errors import CallTimeoutError, TransportError


class Connection(asyncio.Protocol):
    """One connection; `reader` knows whether it can be used again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reader = AnswerReader()
        self.idle_since = 0.0
        self._loop = loop
        self._is_open = False
        self._waiting: asyncio.Future[Response] | None = None

    async def exchange(self, request: bytes, until: float) -> Response:
        """Send a request and give its answer.

        Raises:
            TransportError: There was none, or not in time; the request may have arrived.
        """
        seconds = left(until)
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
        """Tell whether the other side has kept silent since, even if the loop did not find the time to look."""
        return self._is_open and not self._is_readable()

    def close(self) -> None:
        """Hang up."""
        self._is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note what to write to."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_readable = readable(transport.get_extra_info("socket").fileno())
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

    def eof_received(self) -> None:
        """Note the end, which is that of some answers."""
        self._is_open = False
        if self._waiting and not self._waiting.done() and not self._is_cut():
            try:
                self._succeed(self.reader.end())
            except TransportError as unfinished:
                self._fail(unfinished)

    def connection_lost(self, error: Exception | None) -> None:
        """Note that nothing can come any more."""
        self._is_open = False
        why = f"the connection failed: {reason(error)}" if error else "the connection was closed without an answer"
        self._fail(TransportError(why, sent=True))

    def _is_cut(self) -> bool:
        """Tell whether the line ended, and TLS did not: whoever cuts it must not be believed (RFC 8446, 6.1)."""
        if not (secured := self._transport.get_extra_info("ssl_object")):
            return False
        try:
            return bool(secured.read(1))
        except OSError:  # it still waits for more
            return True

    def _expire(self) -> None:
        self._fail(CallTimeoutError("no whole answer came in time", sent=True))

    def _succeed(self, answer: Response) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(answer)

    def _fail(self, error: TransportError) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)
