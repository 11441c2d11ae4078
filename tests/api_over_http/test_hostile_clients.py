"""Slow, silent, greedy or many clients of `serve`: each is disconnected, and other clients are not affected."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.api_over_http.cases import assert_ours, assert_refused
from tests.support.emulator_process import Emulator
from tests.support.http_client import CALL_SECONDS
from tests.support.raw_socket import exchange, read, request, send
from tests.support.served_process import started
from tokenvault_server.api.asgi import BodyLimits
from tokenvault_server.serving.granian import ConnectionLimits

LIST = "/pg/customers/nobody/instruments?instrument_type=card"
SAVE = "/pg/customers/nobody/instruments"
SLACK_SECONDS = 30
"""For machines that are busy: a server under load is late with everything."""
LIMITS = ConnectionLimits()
HEADER_SECONDS = LIMITS.header_milliseconds / 1000
UNREAD_SECONDS = LIMITS.unread_milliseconds / 1000
BODY_SECONDS = BodyLimits().seconds
IDLE = 10_000


class Served:
    """A served vault of its own, so that what hostile clients cost can be seen."""

    def __init__(self, running: Emulator, process: subprocess.Popen[bytes]) -> None:
        self.running = running
        self.process = process
        self.place = (urlsplit(running.base_url).hostname, urlsplit(running.base_url).port)
        self.good = request(LIST, running.headers())

    def connect(self, first: bytes = b"", buffer: int = 0) -> socket.socket:
        """Connects, says something, and leaves it at that."""
        connection = socket.socket()
        connection.settimeout(CALL_SECONDS)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect(self.place)
        connection.sendall(first)
        return connection

    def seconds_for_a_call(self) -> float:
        """Gives how long somebody else waits for an answer."""
        began = time.perf_counter()
        assert assert_ours(exchange(self.running.base_url, self.good)).status == 200
        return time.perf_counter() - began

    def megabytes(self) -> float:
        """Gives what the server and its worker hold in memory."""
        group = subprocess.run(
            ["ps", "-o", "rss=", "-g", str(os.getpgid(self.process.pid))], capture_output=True, text=True, check=True
        )
        return sum(map(int, group.stdout.split())) / 1024


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with started(tmp_path_factory.mktemp("hostile") / "vault") as (running, process):
        yield Served(running, process)


@pytest.fixture(scope="module")
def held(served: Served) -> Iterator[dict[str, tuple[socket.socket, float]]]:
    """One slow client of each kind, all begun at once, with the moment at which each began."""
    slow = request(SAVE, served.running.headers(), "POST", extra=b"content-length: 5000\r\n") + b"{"
    made = {
        "silent": served.connect(),
        "half a header": served.connect(b"GET / HTTP/1.1\r\nhost: a\r\nx-"),
        "idle after a call": served.connect(served.good),
        "half a body": served.connect(slow),
        "half a chunk": served.connect(
            request(SAVE, served.running.headers(), "POST", extra=b"transfer-encoding: chunked\r\n") + b"ff\r\n{"
        ),
        "reads nothing": served.connect(buffer=2048),
    }
    overwhelm(made["reads nothing"], served.good * 100)
    began = time.monotonic()
    with contextlib.ExitStack() as open_connections:
        yield {name: (open_connections.enter_context(connection), began) for name, connection in made.items()}


def overwhelm(connection: socket.socket, calls: bytes) -> None:
    """Asks until the server no longer takes questions, since nobody takes its answers."""
    connection.settimeout(3)
    with contextlib.suppress(TimeoutError):
        while True:
            connection.sendall(calls)


def seconds_until_closed(held: tuple[socket.socket, float], at_most: float) -> float:
    """Gives when the server let go of a client that reads nothing, from its beginning."""
    connection, began = held
    waiting = select.poll()
    waiting.register(connection, select.POLLRDHUP | select.POLLHUP)
    left = began + at_most + SLACK_SECONDS - time.monotonic()
    assert waiting.poll(max(left, 0) * 1000), "the connection is still held"
    return time.monotonic() - began


@pytest.mark.parametrize("who", ["silent", "half a header", "idle after a call"])
def test_a_client_that_sends_no_headers_is_disconnected(held: dict[str, tuple[socket.socket, float]], who: str) -> None:
    assert seconds_until_closed(held[who], HEADER_SECONDS) > 1


@pytest.mark.parametrize("who", ["half a body", "half a chunk"])
def test_a_client_that_sends_half_a_body_is_refused(held: dict[str, tuple[socket.socket, float]], who: str) -> None:
    seconds_until_closed(held[who], BODY_SECONDS)
    assert_refused(read(held[who][0]), 400, "request_invalid")


def test_a_client_that_reads_no_answers_is_disconnected(held: dict[str, tuple[socket.socket, float]]) -> None:
    seconds_until_closed(held["reads nothing"], UNREAD_SECONDS)


def test_ten_thousand_idle_connections_keep_no_client_out(served: Served) -> None:
    assert LIMITS.connections > IDLE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # theirs and ours are two descriptors in two processes
    beginnings = (b"", served.good[:40], served.good)
    before = served.megabytes()
    with contextlib.ExitStack() as connections:
        for number in range(IDLE):
            connections.enter_context(contextlib.closing(served.connect(beginnings[number % 3])))
        first = served.seconds_for_a_call()
        waits = sorted(served.seconds_for_a_call() for _ in range(20))
        assert served.megabytes() - before < 300
    assert first < 5
    assert waits[10] < 0.5
    assert served.seconds_for_a_call() < 5


def test_floods_of_heads_are_bounded_in_memory(served: Served) -> None:
    before = served.megabytes()
    flood = b"GET / HTTP/1.1\r\nhost: a\r\nx-long: " + b"a" * 1_000_000
    with contextlib.ExitStack() as connections:
        for _ in range(500):
            connection = connections.enter_context(contextlib.closing(served.connect()))
            send(connection, [flood])
        assert served.megabytes() - before < 100
        assert served.seconds_for_a_call() < 5


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"", "host_missing"),
        (b"host:\r\n", "host_missing"),
        (b"host: a\r\nhost: b\r\n", "host_invalid"),
        (b"host: a\r\nHost: a\r\n", "host_invalid"),
    ],
    ids=["none", "empty", "two", "twice the same"],
)
def test_a_call_names_one_host(running: Emulator, lines: bytes, code: str) -> None:
    call = request(LIST, running.headers()).replace(b"host: tokenvault\r\n", lines)
    answer = exchange(running.base_url, call)
    assert_refused(answer, 400, code)


def half_closed(running: Emulator, call: bytes) -> object:
    return exchange(running.base_url, call, ends=True)


def reset(running: Emulator, call: bytes) -> None:
    base = urlsplit(running.base_url)
    with socket.create_connection((base.hostname, base.port), CALL_SECONDS) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(call)


@pytest.mark.parametrize("leave", [half_closed, reset])
def test_clients_that_disconnect_at_once_harm_no_other(
    running: Emulator, card_path: str, leave: Callable[[Emulator, bytes], object]
) -> None:
    for _ in range(50):
        leave(running, request(card_path, running.headers()))
        leave(running, request(card_path, running.headers())[:50])
    assert assert_ours(exchange(running.base_url, request(card_path, running.headers()))).status == 200


@pytest.mark.parametrize(
    "lengths",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        b"transfer-encoding: xchunked\r\n",
    ],
)
def test_two_lengths_make_no_second_call(
    in_production: Emulator, path_of_a_card: Callable[[Emulator], str], lengths: bytes
) -> None:
    """Whichever length is believed, what a proxy may have taken for the body is not carried out (RFC 9112, 6.3)."""
    card = path_of_a_card(in_production)
    smuggled = request(card, in_production.headers(), "DELETE")
    call = request(SAVE, in_production.headers(), "POST", extra=lengths) + b"0\r\n\r\n" + smuggled
    base = urlsplit(in_production.base_url)
    with socket.create_connection((base.hostname, base.port), CALL_SECONDS) as connection:
        send(connection, [call])
        with connection.makefile("rb") as stream:
            answers = stream.read()
    assert answers.count(b"HTTP/1.1 ") == answers.count(b"HTTP/1.1 400") == 1
    assert assert_ours(exchange(in_production.base_url, request(card, in_production.headers()))).status == 200
