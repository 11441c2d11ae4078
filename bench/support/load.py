"""Load over HTTP/1.1: keep-alive connections with one call at a time, on uvloop, with prebuilt requests.

It parses only the status and the length of an answer, so that one core of load can use a server's core completely.
Where that is not enough (nginx), the load's share of its own core is printed too.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import quantiles
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
PATIENCE_SECONDS = 15.0


class LoadError(Exception):
    """The server answered another status than 200, or closed the connection, so the measurement is invalid."""


@dataclass(slots=True)
class Load:
    """The measurements of one period of load."""

    seconds: float = 0.0
    server_cpu: float = 0.0
    own_cpu: float = 0.0
    waits: list[float] = field(default_factory=list, repr=False)
    """The seconds from each request to its complete answer."""
    bodies: list[bytes] = field(default_factory=list, repr=False)
    """The bodies of the answers, if requested."""

    @property
    def calls(self) -> int:
        """The number of answered calls."""
        return len(self.waits)

    @property
    def rate(self) -> float:
        """The number of calls per second."""
        return self.calls / self.seconds

    @property
    def cpu_micros(self) -> float:
        """The server's CPU microseconds for each call; not a number without any answer."""
        return self.server_cpu / self.calls * 1e6 if self.calls else math.nan

    @property
    def own_share(self) -> float:
        """The usage of the load's own core, from 0 to 1."""
        return self.own_cpu / self.seconds

    def percentile_ms(self, percent: int) -> float:
        """Return the milliseconds within which this percentage of the calls was answered."""
        return quantiles(self.waits, n=100)[percent - 1] * 1e3 if self.calls > 1 else math.nan


class _Connection(asyncio.Protocol):
    def __init__(self, driver: _Driver, requests: Sequence[bytes], start: int) -> None:
        self._driver = driver
        self._requests = islice(cycle(requests), start, None)
        self._rest = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from asyncio's
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        end = data.find(HEAD_END)
        if end < 0 or len(data) < end + len(HEAD_END) + _length(data[:end].lower()):
            self._rest = data
            return
        self._rest = b""
        self._driver.answered(time.perf_counter() - self._sent_at, data, end + len(HEAD_END))
        if self._driver.is_over:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._driver.lost(early=exc is not None or not self._driver.is_over)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))


class _Driver:
    """One period of load over several connections."""

    def __init__(self, load: Load, connections: int, *, keep_bodies: bool) -> None:
        self.is_over = False
        self._load = load
        self._open = connections
        self._keep_bodies = keep_bodies
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, wait: float, answer: bytes, body_at: int) -> None:
        if answer[9:12] != b"200":
            self._fail(answer[:600].decode("latin-1"))
        if self._keep_bodies:
            self._load.bodies.append(answer[body_at:])
        if not self.is_over:
            self._load.waits.append(wait)

    def lost(self, *, early: bool) -> None:
        self._open -= 1
        if early:
            self._fail("the server closed a connection")
        if not self._open and not self.done.done():
            self.done.set_result(None)

    def _fail(self, what: str) -> None:
        self.is_over = True
        if not self.done.done():
            self.done.set_exception(LoadError(what))


def run_load(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    cpu_seconds: Callable[[], float],
    keep_bodies: bool = False,
) -> Load:
    """Load a server on this machine for some seconds; each connection starts at another position of `requests`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        load = Load()
        runner.run(_run(load, port, requests, connections, seconds, cpu_seconds, keep_bodies=keep_bodies))
        return load


async def _run(
    load: Load,
    port: int,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    cpu_seconds: Callable[[], float],
    *,
    keep_bodies: bool,
) -> None:
    loop = asyncio.get_running_loop()
    driver = _Driver(load, connections, keep_bodies=keep_bodies)
    began, own, theirs = time.perf_counter(), time.process_time(), cpu_seconds()
    for number in range(connections):
        start = number * len(requests) // connections
        await loop.create_connection(lambda start=start: _Connection(driver, requests, start), "127.0.0.1", port)  # type: ignore[misc]

    def stop() -> None:
        driver.is_over = True
        load.seconds = time.perf_counter() - began
        load.own_cpu = time.process_time() - own
        load.server_cpu = cpu_seconds() - theirs

    loop.call_later(seconds, stop)
    await asyncio.wait_for(driver.done, seconds + PATIENCE_SECONDS)


def _length(head: bytes) -> int:
    at = head.find(LENGTH) + len(LENGTH)
    end = head.find(b"\r", at)
    return int(head[at:end] if end > 0 else head[at:])
