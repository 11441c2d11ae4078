"""The API as an ASGI application: bytes become a `Request`, a `Reply` becomes bytes. No other module knows ASGI."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_server.api.call import INCOMPLETE, Reply, Request
from tokenvault_server.api.origins import Origins
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.tracebacks import described, without_frames
from tokenvault_server.telemetry.access_log import CALL, CALLS, AccessLine, AccessLog, level_of
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.timestamps import timestamp

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Observe = Callable[[Request, Reply, float], None]

_FORWARDED_FOR = b"x-forwarded-for"
_TOO_MANY = PROBLEMS[Kind.RATE_LIMITED].status


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much of a body is read, and for how long."""

    max_bytes: int = 16_384
    seconds: float = 10.0
    """How long a body may take to arrive after its headers, in the event loop's time."""


class Lifespan(Protocol):
    """What the application opens before its first call and closes after its last."""

    async def start(self) -> Pipeline:
        """Open everything and return the pipeline."""
        ...

    async def stop(self) -> None:
        """Close everything."""
        ...


class AsgiApp:
    """The API as an ASGI application."""

    def __init__(
        self,
        lifespan: Lifespan,
        access_log: AccessLog,
        metrics: Metrics,
        clock: Clock,
        origins: Origins | None = None,
        body_limits: BodyLimits | None = None,
        observe: Observe | None = None,
    ) -> None:
        """Open `lifespan` at start-up, or with the first call where a server has no start-up.

        `observe` is called after each call, in an emulator.
        """
        self._lifespan = lifespan
        self._access_log = access_log
        self._metrics = metrics
        self._clock = clock
        self._origins = origins if origins and origins.looks_behind else None
        self._body_limits = body_limits or BodyLimits()
        self._observe = observe
        self._pipeline: Pipeline | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope: a request, or the server's lifespan. No error leaves with its frames."""
        kind = scope["type"]
        if kind == "http":
            # Nothing but the request is kept of the scope: its raw headers are plain values, and this frame stays.
            serving = self._serve(scope, receive, send)
        elif kind == "lifespan":
            serving = self._lifespan_events(receive, send)
        else:
            return
        del scope
        failure: dict[str, object] | None = None
        try:
            await serving
        except BaseException as error:
            if kind == "lifespan" or not isinstance(error, Exception):
                without_frames(error)
                raise
            failure = described(error)
        if failure:
            # The HTTP server would log the error with frames of its own, which hold the raw request.
            logger.error("no answer", extra=failure)
            await _send_bare_error(send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        client = scope["client"]
        raw_path = scope["raw_path"]
        request = Request(
            scope["method"], raw_path, scope["query_string"], scope["headers"], client[0] if client else ""
        )
        del scope
        if self._origins:
            request.origin = self._origins.of(request.origin, request.header(_FORWARDED_FOR))
        pipeline = self._pipeline or await self.open()
        if request.method == "POST":
            request.body = await _read_body_in_time(receive, self._body_limits)
        reply = await pipeline.answer(request)
        headers = [*reply.headers, (b"content-length", b"%d" % reply.size)]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(reply.packed_body)})
        self._record(request, reply, perf_counter() - began)

    def _record(self, request: Request, reply: Reply, seconds: float) -> None:
        """Count the call and write its log line."""
        if self._observe:
            self._observe(request, reply, seconds)
        self._metrics.call(request.operation_key, reply.status, seconds)
        if reply.status == _TOO_MANY and request.rate is not None:
            self._metrics.rate_limited("address" if request.rate.scope == "ip" else "merchant")
        if not self._access_log.is_on:
            return
        customer_id, instrument_id, *_ = (*request.path, "", "")
        self._access_log.write(
            AccessLine(
                at=timestamp(self._clock.now()),
                level=level_of(reply.status),
                logger=CALLS,
                event=CALL,
                request_id=request.request_id,
                operation=request.operation_key,
                status=reply.status,
                micros=int(seconds * 1e6),
                merchant_id=request.merchant_id,
                customer_id=customer_id,
                instrument_id=instrument_id,
                origin=request.origin,
                code=reply.code,
                version=request.shape.version,
            )
        )

    async def open(self) -> Pipeline:
        """Open the pipeline, once even if several calls come first."""
        async with self._opening:
            if self._pipeline is None:
                self._pipeline = await self._lifespan.start()
        return self._pipeline

    async def _lifespan_events(self, receive: Receive, send: Send) -> None:
        """Open at start-up, close at shutdown, and report a start-up that failed."""
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


async def _send_bare_error(send: Send) -> None:
    """Send a 500 without a body. Nothing happens if the answer has begun, or if nobody is there to read it."""
    with suppress(Exception):
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def _read_body_in_time(receive: Receive, limits: BodyLimits) -> bytes | None:
    """Return a body as `_read_body` does, or INCOMPLETE when it does not arrive in time."""
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read_body(receive, limits.max_bytes)
    except TimeoutError:
        return INCOMPLETE


async def _read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """Return a body, None when it is too large, or INCOMPLETE when its sender disconnects."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return INCOMPLETE
        part = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
