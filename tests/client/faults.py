"""A server that breaks in every way that a network and a bad peer can: each fault is what it does to a connection."""

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


def answer(body: bytes = GOOD, *, status: str = "200 OK", length: int | None = None, extra: bytes = b"") -> bytes:
    """Gives an answer as bytes; its length may lie."""
    told = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), told, extra, body)


def sends(*parts: bytes) -> Fault:
    """Sends the parts and hangs up."""
    return lambda connection: connection.sendall(b"".join(parts))


def resets(*parts: bytes) -> Fault:
    """Sends the parts and resets the connection."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return fault


def stalls(*parts: bytes) -> Fault:
    """Sends the parts, and then nothing until the client hangs up."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        connection.recv(1)

    return fault


def drips(before: bytes, slowly: bytes) -> Fault:
    """Sends the second part byte by byte, over and over, until the client hangs up."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(before)
        while True:
            for byte in slowly:
                connection.sendall(bytes([byte]))
                if select.select([connection], [], [], DRIP_SECONDS)[0]:
                    return

    return fault


def floods(before: bytes, again: bytes) -> Fault:
    """Sends the second part over and over, as fast as it can."""

    def fault(connection: socket.socket) -> None:
        connection.sendall(before)
        while True:
            connection.sendall(again)

    return fault


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

LOST: dict[str, Fault] = {
    "hangs up": sends(),
    "resets": resets(),
    "half a status line": sends(b"HTTP/1.1 20"),
    "half a head": sends(b"HTTP/1.1 200 OK\r\nContent-"),
    "reset in the head": resets(b"HTTP/1.1 200 OK\r\nContent-"),
    "a shorter body than told": sends(answer(length=100)),
    "reset in the body": resets(answer(length=100)),
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
"""What leaves nobody knowing whether the call arrived."""

LATE: dict[str, Fault] = {
    "silence": stalls(),
    "silence in the head": stalls(b"HTTP/1.1 200 OK\r\n"),
    "silence in the body": stalls(answer(length=100)),
    "a slow body": drips(answer(b"", length=10_000), b" "),
    "slow chunks": drips(CHUNKED, b"1\r\n \r\n"),
    "endless hundreds": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a slow head": drips(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
}
"""What never ends by itself."""

ENDLESS: dict[str, Fault] = {
    "an endless body": floods(answer(b"", length=10**12), b" " * 65536),
    "endless chunks": floods(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "a body until it hangs up, which it never does": floods(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
    "an endless refusal": floods(answer(b"", status="503 Busy", length=10**12), b" " * 65536),
}
"""What would fill the memory of whoever takes all of it."""

UNREADABLE: dict[str, Fault] = {
    "no body": sends(answer(b"")),
    "a web page": sends(answer(b"<html>hello</html>")),
    "half of JSON": sends(answer(GOOD[:9])),
    "something packed": sends(answer(b"\x1f\x8b\x08\x00", extra=b"Content-Encoding: gzip\r\n")),
    "another status of success": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "deep JSON": sends(answer(b"[" * 200_000)),
}
"""What arrived, and says nothing."""

WELL: dict[str, Fault] = {
    "hints first": sends(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", answer()),
    "a hundred first": sends(b"HTTP/1.1 100 Continue\r\n\r\n", answer()),
    "more than told": sends(answer(), b"garbage"),
    "chunks": sends(CHUNKED, b"a\r\n", GOOD[:10], b"\r\nd\r\n", GOOD[10:], b"\r\n0\r\n\r\n"),
    "until it hangs up": sends(b"HTTP/1.1 200 OK\r\n\r\n", GOOD),
    "no reason": sends(b"HTTP/1.1 200\r\nContent-Length: 23\r\n\r\n", GOOD),
}
"""What is unusual and right."""


@contextmanager
def faulty(fault: Fault) -> Iterator[str]:
    """Runs a server with one fault, and gives its address, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, fault), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/pg"
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, fault: Fault) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_break, args=(connection, fault), daemon=True).start()


def _break(connection: socket.socket, fault: Fault) -> None:
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
