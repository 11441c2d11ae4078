"""A server with faults of a network or of a bad peer. A fault is a function of an accepted connection."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Fault = Callable[[socket.socket], None]

GOOD = b'{"instrument_id": "i1"}'
DRIP_SECONDS = 0.02


def response(body: bytes = GOOD, *, status: str = "200 OK", length: int | None = None, extra: bytes = b"") -> bytes:
    """Return a response as bytes. `length` replaces the right content length."""
    content_length = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), content_length, extra, body)


def sends(*parts: bytes) -> Fault:
    """Send the parts and close the connection."""
    return lambda connection: connection.sendall(b"".join(parts))


def resets(*parts: bytes) -> Fault:
    """Send the parts and reset the connection."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return fault


def stalls(*parts: bytes) -> Fault:
    """Send the parts, and then nothing until the client closes the connection."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        connection.recv(1)

    return fault


def drips(first: bytes, repeated: bytes) -> Fault:
    """Send the second part byte by byte, repeatedly, until the client closes the connection."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            for byte in repeated:
                connection.sendall(bytes([byte]))
                if select.select([connection], [], [], DRIP_SECONDS)[0]:
                    return

    return fault


def floods(first: bytes, repeated: bytes) -> Fault:
    """Send the second part repeatedly, as fast as possible."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(repeated)

    return fault


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

BROKEN_RESPONSES: dict[str, Fault] = {
    "closes": sends(),
    "resets": resets(),
    "half a status line": sends(b"HTTP/1.1 20"),
    "half a head": sends(b"HTTP/1.1 200 OK\r\nContent-"),
    "reset in the head": resets(b"HTTP/1.1 200 OK\r\nContent-"),
    "a shorter body than announced": sends(response(length=100)),
    "reset in the body": resets(response(length=100)),
    "half a chunk": sends(CHUNKED, b"17\r\n", GOOD[:5]),
    "no last chunk": sends(CHUNKED, b"17\r\n", GOOD, b"\r\n"),
    "a chunk without a size": sends(CHUNKED, b"zz\r\n", GOOD),
    "a length that is no number": sends(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n", GOOD),
    "two lengths": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 23\r\n\r\n", GOOD),
    "garbage": sends(b"\x00\xff" * 500),
    "another protocol": sends(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "a TLS alert": sends(b"\x15\x03\x03\x00\x02\x02\x28"),
    "a status that is no number": sends(b"HTTP/1.1 OK 200\r\n\r\n"),
    "an endless header": floods(b"HTTP/1.1 200 OK\r\nx: ", b"a" * 65536),
    "endless headers": floods(b"HTTP/1.1 200 OK\r\n", b"x: a\r\n" * 1000),
    "only a hundred": sends(b"HTTP/1.1 100 Continue\r\n\r\n"),
}
"""Faults after which the client cannot know whether the call arrived."""

SLOW_RESPONSES: dict[str, Fault] = {
    "silence": stalls(),
    "silence in the head": stalls(b"HTTP/1.1 200 OK\r\n"),
    "silence in the body": stalls(response(length=100)),
    "a slow body": drips(response(b"", length=10_000), b" "),
    "slow chunks": drips(CHUNKED, b"1\r\n \r\n"),
    "endless hundreds": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a slow head": drips(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
}
"""Responses that never end."""

ENDLESS_RESPONSES: dict[str, Fault] = {
    "an endless body": floods(response(b"", length=10**12), b" " * 65536),
    "endless chunks": floods(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "an endless body without a length": floods(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
    "an endless error response": floods(response(b"", status="503 Busy", length=10**12), b" " * 65536),
}
"""Responses that would fill the memory of a client without a limit."""

UNDECODABLE_RESPONSES: dict[str, Fault] = {
    "no body": sends(response(b"")),
    "a web page": sends(response(b"<html>hello</html>")),
    "half of JSON": sends(response(GOOD[:9])),
    "a compressed body": sends(response(b"\x1f\x8b\x08\x00", extra=b"Content-Encoding: gzip\r\n")),
    "another status of success": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "deep JSON": sends(response(b"[" * 200_000)),
}
"""Successful responses that cannot be decoded."""

UNUSUAL_RESPONSES: dict[str, Fault] = {
    "hints first": sends(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", response()),
    "a hundred first": sends(b"HTTP/1.1 100 Continue\r\n\r\n", response()),
    "more than announced": sends(response(), b"garbage"),
    "chunks": sends(CHUNKED, b"a\r\n", GOOD[:10], b"\r\nd\r\n", GOOD[10:], b"\r\n0\r\n\r\n"),
    "until the connection closes": sends(b"HTTP/1.1 200 OK\r\n\r\n", GOOD),
    "no reason phrase": sends(b"HTTP/1.1 200\r\nContent-Length: 23\r\n\r\n", GOOD),
}
"""Valid but unusual responses."""


@contextmanager
def faulty_server(fault: Fault) -> Iterator[str]:
    """Run a server with one fault until the block ends, and return its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, fault), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/pg"
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, fault: Fault) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_serve_one, args=(connection, fault), daemon=True).start()


def _serve_one(connection: socket.socket, fault: Fault) -> None:
    with suppress(OSError), connection:
        _read_head(connection)
        fault(connection)


def _read_head(connection: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            return
        head += part
