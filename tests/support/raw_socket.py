"""Bytes on a socket and their answer, for requests that no HTTP client sends."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from tests.support.http_client import CALL_SECONDS, Answer


def exchange(base_url: str, *parts: bytes, method: str = "GET", ends: bool = False) -> Answer | None:
    """Send the parts, one write each; return the first answer, or None if the server closes without one.

    With `ends`, close the sending side afterwards.
    """
    base = urlsplit(base_url)
    with socket.create_connection((base.hostname, base.port), CALL_SECONDS) as connection:
        send(connection, parts)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        return read(connection, method)


def send(connection: socket.socket, parts: Iterable[bytes]) -> None:
    """Send everything, or stop when the other side has closed."""
    try:
        for part in parts:
            connection.sendall(part)
    except (BrokenPipeError, ConnectionResetError):
        return


def read(connection: socket.socket, method: str = "GET") -> Answer | None:
    """Return one answer from a connection, or None if it is closed without one."""
    try:
        with http.client.HTTPResponse(connection, method=method) as reply:
            reply.begin()
            body = reply.read()
            return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, body)
    except (http.client.BadStatusLine, ConnectionResetError):
        return None


def request(
    target: str | bytes, headers: dict[str, str], method: str = "GET", body: bytes = b"", extra: bytes = b""
) -> bytes:
    """Return a request as bytes, unchecked; `extra` is header lines as they are."""
    target = target.encode() if isinstance(target, str) else target
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
    length = b"content-length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\nhost: tokenvault\r\n%s%s%s\r\n%s" % (method.encode(), target, lines, extra, length, body)
