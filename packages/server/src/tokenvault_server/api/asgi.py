"""The ASGI door: bytes become a `Call`, a `Reply` becomes bytes. Nothing else knows which server is outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Protocol

from tokenvault_server.api.call import Call, Reply
from tokenvault_server.api.origins import Origins
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.domain.clock import Clock
from tokenvault_server.telemetry.access_log import AccessLine, AccessLog
from tokenvault_server.telemetry.metrics import Metrics

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 16_384
BODY_SECONDS = 10.0
"""How long a body may take to arrive, from the moment its headers are there."""
BROKEN = b"\x00"
"""What stands for a body whose sender went away in the middle of it: no operation can take it for its own."""
_FORWARDED_FOR = b"x-forwarded-for"


class Lifespan(Protocol):
    """What the app opens before its first call and closes after its last."""

    async def start(self) -> Pipeline:
        """Open everything and give the pipeline."""
        ...

    async def stop(self) -> None:
        """Close everything."""
        ...


class AsgiApp:
    """The API as an ASGI application."""

    def __init__(
        self, lifespan: Lifespan, access_log: AccessLog, metrics: Metrics, clock: Clock, origins: Origins | None = None
    ) -> None:
        """Open `life` at start-up, or with the first call where a server has no start-up."""
        self._lifespan = lifespan
        self._access_log = access_log
        self._metrics = metrics
        self._clock = clock
        self._origins = origins if origins and origins.looks_behind else None
        self._pipeline: Pipeline | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event: a call, or the server's start and stop."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan_events(receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        client = scope["client"]
        raw_path = scope["raw_path"]
        call = Call(scope["method"], raw_path, scope["query_string"], scope["headers"], client[0] if client else "")
        if self._origins:
            call.origin = self._origins.of(call.origin, call.header(_FORWARDED_FOR))
        pipeline = self._pipeline or await self.open()
        if call.method == "POST":
            call.body = await _read_body_in_time(receive)
        reply = await pipeline.answer(call)
        await _send(reply, send)
        self._record(call, reply.status, perf_counter() - began)

    def _record(self, call: Call, status: int, seconds: float) -> None:
        """Count the call and write its line."""
        operation = call.operation.key if call.operation else "unrouted"
        self._metrics.call(operation, status, seconds)
        if not self._access_log.is_on:
            return
        customer_id, instrument_id, *_ = (*call.path, "", "")
        self._access_log.write(
            AccessLine(
                at=self._clock.now(),
                request_id=call.request_id,
                operation=operation,
                status=status,
                micros=int(seconds * 1e6),
                merchant_id=call.caller.merchant_id if call.caller else "",
                customer_id=customer_id,
                instrument_id=instrument_id,
                origin=call.origin,
                code=call.problem,
                version=call.version,
            )
        )

    async def open(self) -> Pipeline:
        """Open what stands behind the door, once however many calls are first."""
        async with self._opening:
            if self._pipeline is None:
                self._pipeline = await self._lifespan.start()
        return self._pipeline

    async def _lifespan_events(self, receive: Receive, send: Send) -> None:
        """Follow the server's life: open at start-up, close at shutdown, and say when either failed."""
        await receive()
        try:
            await self.open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._access_log.flush()
        self._metrics.flush()
        await self._lifespan.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _read_body_in_time(receive: Receive) -> bytes | None:
    """Give a body, as `_read_body` does; one that does not arrive in time is one that breaks off."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_body(receive)
    except TimeoutError:
        return BROKEN


async def _read_body(receive: Receive) -> bytes | None:
    """Give a body; None when it is larger than any we take. One that breaks off becomes one that nobody can read."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return BROKEN
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(reply: Reply, send: Send) -> None:
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
