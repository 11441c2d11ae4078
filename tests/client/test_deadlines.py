"""Nothing outlasts its deadline, whatever is waited for; what came too late to be sent is not sent."""

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
from tests.client.counting import WAYS, Caller, counting
from tests.client.faults import LATE, faulty
from tests.client.recorder import recording
from tests.client.ways import TASKS, THREADS, Who, who
from tokenvault_client import AsyncClient, CallTimeoutError, Client, TransportError
from tokenvault_client._transports import Request, Response
from tokenvault_client._transports.http1 import addresses
from tokenvault_client.transports import Connecting

SHORT = 0.3
SLACK = 1.5
"""What a busy machine may need beyond a deadline."""
BOTH = pytest.mark.parametrize("way", ["http1", "http1 async"])
ALL = pytest.mark.parametrize("way", WAYS)
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
NOBODY = "nobody.invalid"
BIG = b" " * (8 * 2**20)
"""More than sockets hold."""


def send(way: str, request: Request, seconds: float, connecting: Connecting | None = None) -> Response:
    """Sends one request by a transport of its own."""
    if way in THREADS:
        carrier = THREADS[way](connecting or Connecting())
        try:
            return carrier.send(request, seconds)
        finally:
            carrier.close()
    return asyncio.run(sent(way, request, seconds, connecting))


async def sent(way: str, request: Request, seconds: float, connecting: Connecting | None = None) -> Response:
    carrier = TASKS[way](connecting or Connecting())
    try:
        return await carrier.send(request, seconds)
    finally:
        await carrier.close()


@contextmanager
def deaf() -> Iterator[str]:
    """Gives the address of a server that takes connections and never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has no name found before the end of the test."""
    answered = threading.Event()
    really = socket.getaddrinfo

    def look_up(host: str, *others: Any, **named: Any) -> Any:
        if host == NOBODY and not named["flags"]:
            answered.wait()
        return really(host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    answered.set()


@BOTH
@pytest.mark.parametrize("seconds", [0, -0.0, -1, -1e9])
def test_what_has_no_time_left_is_not_sent(way: str, seconds: float) -> None:
    with recording() as server:
        with pytest.raises(CallTimeoutError) as failed:
            send(way, Request("DELETE", f"{server.base_url}/x", ()), seconds)
        assert not failed.value.sent
    assert server.heard == []


@ALL
def test_a_kept_connection_is_kept_by_a_call_that_came_too_late(way: str) -> None:
    with counting() as server, Caller(way, server.base_url) as caller:
        assert caller.call() == 200
        with pytest.raises(CallTimeoutError) as failed:
            caller.call(timeout=1e-9)
        assert not failed.value.sent
        assert caller.call() == 200
        assert server.calls == [0, 0]


@BOTH
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_peer_that_does_not_read_is_not_waited_for(way: str, scheme: str) -> None:
    """Without TLS it is the body that is not read, with TLS already the handshake."""
    began = time.monotonic()
    with deaf() as address, pytest.raises(CallTimeoutError) as failed:
        send(way, Request("POST", f"{scheme}://{address}/x", (), BIG), SHORT)
    assert failed.value.sent == (scheme == "http")
    assert time.monotonic() - began < SHORT + SLACK


@BOTH
def test_a_peer_that_stops_reading_after_a_handshake_is_not_waited_for(way: str, tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    connecting = Connecting(ca_pem=authority.file.read_bytes())
    context, over = authority.server(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake_hands() -> None:
            with suppress(OSError), context.wrap_socket(listening.accept()[0], server_side=True):
                over.wait()

        threading.Thread(target=shake_hands, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(CallTimeoutError) as failed:
            send(way, Request("POST", f"https://127.0.0.1:{listening.getsockname()[1]}/x", (), BIG), 1, connecting)
        took = time.monotonic() - began
        over.set()
    assert failed.value.sent
    assert took < 1 + SLACK


@BOTH
@pytest.mark.usefixtures("silent_name_server")
def test_a_name_server_that_is_silent_is_not_waited_for(way: str) -> None:
    began = time.monotonic()
    with pytest.raises(CallTimeoutError) as failed:
        send(way, Request("GET", f"https://{NOBODY}/x", ()), SHORT)
    assert not failed.value.sent
    assert time.monotonic() - began < SHORT + SLACK


@LOOPS
def test_a_program_that_keeps_its_threads_busy_does_not_hold_up_a_name(run: Any) -> None:
    busy = threading.Event()

    async def scenario(base_url: str) -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        work = loop.run_in_executor(None, busy.wait)
        try:
            async with AsyncClient(**Who(**who(base_url) | {"timeout": SHORT + SLACK})) as vault:
                return (await vault.fetch_instrument("asha", "i1")).status
        finally:
            busy.set()
            await work

    with recording() as server:
        assert run(scenario(server.base_url.replace("127.0.0.1", "localhost"))) == 200


@LOOPS
def test_a_callers_own_limit_ends_a_call(run: Any) -> None:
    async def scenario(address: str) -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError) as failed:
            async with asyncio.timeout(SHORT):
                await sent("http1 async", Request("GET", f"http://{address}/x", ()), 60)
        assert not isinstance(failed.value, TransportError)
        return time.monotonic() - began

    with deaf() as address:
        took: Coroutine[Any, Any, float] = scenario(address)
        assert run(took) < SHORT + SLACK


def test_the_best_address_may_take_half_of_the_time_and_the_last_all_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([100.0, 104.0, 106.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    shares = [seconds for _, seconds in addresses.in_turn([("a", 1), ("b", 1), ("c", 1)], 108.0)]
    assert shares == [4.0, 2.0, 2.0]


def test_no_address_is_tried_when_the_time_is_up() -> None:
    with pytest.raises(TimeoutError):
        next(addresses.in_turn([("127.0.0.1", 1)], time.monotonic()))


class SoftTimeLimitError(Exception):
    """As a worker raises it, in a handler of signals, wherever the program is."""


def test_a_time_limit_of_the_program_is_not_taken_for_a_failure_of_the_network() -> None:
    def raise_it(*_: object) -> None:
        raise SoftTimeLimitError

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        with faulty(LATE["silence"]) as base_url, Client(**who(base_url)) as vault:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(SoftTimeLimitError):
                vault.fetch_instrument("asha", "i1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
