"""The API's application and connections in an emulator: carries out the faults that concern the connection.

`SteerableConnection` gives the application the connection of each request, which ASGI itself does not.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final

from tokenvault_server.emulator.exchange import EXCHANGE, Exchange
from tokenvault_server.emulator.randomness import SeededSource, drawing_from
from tokenvault_server.listeners import BoundedHeads

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRANSPORT: Final = "tokenvault.transport"
_PIECES: Final = 10
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_CREATED: Final = 201
_IDLE_SECONDS: Final = 1.0


class SteerableConnection(BoundedHeads):
    """A connection that its application can reach, in the `extensions` of the scope."""

    def on_message_begin(self) -> None:
        """Add the transport to the scope of the next request."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class SteeredApp:
    """The API's application with an exchange for each call."""

    def __init__(
        self,
        app: App,
        source: SeededSource | None,
        wait: Callable[[float], Awaitable[None]],
        tick: Callable[[], None],
    ) -> None:
        """Serve `app`.

        Args:
            app: the API.
            source: where ids come from; None for the operating system.
            wait: waits in real time.
            tick: is called before each call, so that an emulator with a seed has another time in each.
        """
        self._app = app
        self._source = source
        self._wait = wait
        self._tick = tick
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.after_save: Callable[[tuple[str, ...], bytes], Awaitable[None]] | None = None
        """Is called with what had a part in a call, and its body, before the answer that a card was saved."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        transport = scope.get("extensions", {}).pop(TRANSPORT, {}).get("transport")
        exchange = Exchange()
        token = EXCHANGE.set(exchange)
        self._running += 1
        self._idle.clear()
        self._tick()
        try:
            with drawing_from(self._source):
                answer = _Answer(self, exchange, transport, send, receive)
                await self._app(scope, receive, answer.send)
        finally:
            EXCHANGE.reset(token)
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def idle(self) -> None:
        """Return when no call is under way, or after a second: a receiver that reads slowly must not block a reset."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._idle.wait()

    async def saved(self, exchange: Exchange, status: int, body: bytes) -> None:
        """Do what a magic holder name asks for after its card was saved."""
        if status == _CREATED and self.after_save and exchange.causes:
            await self.after_save(exchange.causes, body)

    @property
    def wait(self) -> Callable[[float], Awaitable[None]]:
        """Waits in real time."""
        return self._wait


class _Answer:
    """Passes one answer on, or breaks it. The head waits for the body, so that the body can still be looked at."""

    def __init__(
        self,
        app: SteeredApp,
        exchange: Exchange,
        transport: asyncio.Transport | None,
        send: Send,
        receive: Receive,
    ) -> None:
        self._app = app
        self._exchange = exchange
        self._transport = transport
        self._send = send
        self._receive = receive
        self._head: Message = {}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        body = message.get("body", b"")
        await self._app.saved(self._exchange, self._head["status"], body)
        then = self._exchange.then
        if then.connection == "reset" and self._transport is not None:
            _abort(self._transport)
            await self._closed()
            return
        await self._send(self._head)
        if then.connection == "truncate" and self._transport is not None:
            await self._send({"type": message["type"], "body": body[: len(body) // 2], "more_body": True})
            self._transport.close()
            await self._closed()
        elif then.connection == "slow":
            await self._dribble(body, then.seconds)
        else:
            await self._send(message)

    async def _dribble(self, body: bytes, seconds: float) -> None:
        size = max(1, -(-len(body) // _PIECES))
        for start in range(0, len(body), size):
            await self._app.wait(seconds / _PIECES)
            piece = {"type": "http.response.body", "body": body[start : start + size], "more_body": True}
            await self._send(piece)
        await self._send({"type": "http.response.body", "body": b""})

    async def _closed(self) -> None:
        """Return when the server knows that the connection is closed; else it would complain of a missing answer."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _abort(transport: asyncio.Transport) -> None:
    """Close a connection with a reset instead of an end (RFC 9293, 3.10.7): that is what a crash looks like."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
