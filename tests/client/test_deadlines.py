"""No call outlasts its deadline, and a request without remaining time is not sent."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvloop

from tests.client.authority import Authority
from tests.client.counting_server import TRANSPORTS, Caller, counting_server
from tests.client.faulty_server import SLOW_RESPONSES, faulty_server
from tests.client.recording_server import recording_server
from tests.client.transports import ASYNC_TRANSPORTS, SYNC_TRANSPORTS, ClientOptions, client_options
from tokenvault_client import AsyncClient, CallTimeoutError, Client, TransportError
from tokenvault_client._transports import Request, Response
from tokenvault_client._transports.http1 import addresses
from tokenvault_client.transports import Connecting

SHORT = 0.3
SLACK = 1.5
"""The seconds that a busy machine may need beyond a deadline."""
BOTH = pytest.mark.parametrize("transport", ["http1", "http1 async"])
ALL = pytest.mark.parametrize("transport", TRANSPORTS)
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
UNRESOLVED = "unresolved.invalid"
BIG = b" " * (8 * 2**20)
"""More bytes than the buffers of sockets hold."""


def send(transport: str, request: Request, seconds: float, connecting: Connecting | None = None) -> Response:
    """Send one request over its own transport."""
    if transport in SYNC_TRANSPORTS:
        carrier = SYNC_TRANSPORTS[transport](connecting or Connecting())
        try:
            return carrier.send(request, seconds)
        finally:
            carrier.close()
    return asyncio.run(send_async(transport, request, seconds, connecting))


async def send_async(
    transport: str, request: Request, seconds: float, connecting: Connecting | None = None
) -> Response:
    carrier = ASYNC_TRANSPORTS[transport](connecting or Connecting())
    try:
        return await carrier.send(request, seconds)
    finally:
        await carrier.close()


@contextmanager
def server_that_never_reads() -> Iterator[str]:
    """Run a server that accepts connections and never reads, and return its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make name lookups wait for the end of the test."""
    release = threading.Event()
    original = socket.getaddrinfo

    def look_up(host: str, *others: Any, **named: Any) -> Any:
        if host == UNRESOLVED and not named["flags"]:
            release.wait()
        return original(host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    release.set()


@BOTH
@pytest.mark.parametrize("seconds", [0, -0.0, -1, -1e9])
def test_a_request_without_remaining_time_is_not_sent(transport: str, seconds: float) -> None:
    with recording_server() as server:
        with pytest.raises(CallTimeoutError) as failed:
            send(transport, Request("DELETE", f"{server.base_url}/x", ()), seconds)
        assert not failed.value.sent
    assert server.requests == []


@ALL
def test_a_call_without_remaining_time_does_not_close_an_idle_connection(transport: str) -> None:
    with counting_server() as server, Caller(transport, server.base_url) as caller:
        assert caller.call() == 200
        with pytest.raises(CallTimeoutError) as failed:
            caller.call(timeout=1e-9)
        assert not failed.value.sent
        assert caller.call() == 200
        assert server.calls == [0, 0]


@BOTH
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_peer_that_does_not_read_cannot_extend_a_call(transport: str, scheme: str) -> None:
    """Without TLS, the peer does not read the body; with TLS, it does not even read the handshake."""
    started = time.monotonic()
    with server_that_never_reads() as address, pytest.raises(CallTimeoutError) as failed:
        send(transport, Request("POST", f"{scheme}://{address}/x", (), BIG), SHORT)
    assert failed.value.sent == (scheme == "http")
    assert time.monotonic() - started < SHORT + SLACK


@BOTH
def test_a_peer_that_stops_reading_after_the_handshake_cannot_extend_a_call(transport: str, tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    connecting = Connecting(ca_pem=authority.file.read_bytes())
    context, release = authority.server(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake_hands() -> None:
            with suppress(OSError), context.wrap_socket(listening.accept()[0], server_side=True):
                release.wait()

        threading.Thread(target=shake_hands, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(CallTimeoutError) as failed:
            send(
                transport,
                Request("POST", f"https://127.0.0.1:{listening.getsockname()[1]}/x", (), BIG),
                SHORT,
                connecting,
            )
        took = time.monotonic() - started
        release.set()
    assert failed.value.sent
    assert took < SHORT + SLACK


@BOTH
@pytest.mark.usefixtures("silent_name_server")
def test_a_silent_name_server_cannot_extend_a_call(transport: str) -> None:
    started = time.monotonic()
    with pytest.raises(CallTimeoutError) as failed:
        send(transport, Request("GET", f"https://{UNRESOLVED}/x", ()), SHORT)
    assert not failed.value.sent
    assert time.monotonic() - started < SHORT + SLACK


@LOOPS
def test_a_busy_executor_does_not_delay_a_name_lookup(run: Any) -> None:
    release = threading.Event()

    async def scenario(base_url: str) -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        work = loop.run_in_executor(None, release.wait)
        try:
            async with AsyncClient(**ClientOptions(**client_options(base_url) | {"timeout": SHORT + SLACK})) as vault:
                return (await vault.fetch_instrument("asha", "i1")).status
        finally:
            release.set()
            await work

    with recording_server() as server:
        assert run(scenario(server.base_url.replace("127.0.0.1", "localhost"))) == 200


@LOOPS
def test_a_timeout_of_the_caller_ends_a_call(run: Any) -> None:
    async def scenario(address: str) -> float:
        started = time.monotonic()
        with pytest.raises(TimeoutError) as failed:
            async with asyncio.timeout(SHORT):
                await send_async("http1 async", Request("GET", f"http://{address}/x", ()), 60)
        assert not isinstance(failed.value, TransportError)
        return time.monotonic() - started

    with server_that_never_reads() as address:
        duration: Coroutine[Any, Any, float] = scenario(address)
        assert run(duration) < SHORT + SLACK


def test_each_address_gets_half_of_the_remaining_time_and_the_last_gets_all_of_it() -> None:
    times = iter([100.0, 104.0, 106.0])
    candidates = [("a", 1), ("b", 1), ("c", 1)]
    shares = [seconds for _, seconds in addresses.with_time_shares(candidates, 108.0, lambda: next(times))]
    assert shares == [4.0, 2.0, 2.0]


def test_no_address_is_tried_without_remaining_time() -> None:
    with pytest.raises(TimeoutError):
        next(addresses.with_time_shares([("127.0.0.1", 1)], time.monotonic()))


class SoftTimeLimitError(Exception):
    """The exception that a task queue raises in a signal handler, at any point of the program."""


def test_a_time_limit_of_the_program_is_not_reported_as_a_network_error() -> None:
    def raise_limit(*_: object) -> None:
        raise SoftTimeLimitError

    previous = signal.signal(signal.SIGALRM, raise_limit)
    try:
        with faulty_server(SLOW_RESPONSES["silence"]) as base_url, Client(**client_options(base_url)) as vault:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(SoftTimeLimitError):
                vault.fetch_instrument("asha", "i1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
