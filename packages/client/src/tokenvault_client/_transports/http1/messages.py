"""Requests and answers as bytes, without a socket.

The parser is httptools (llhttp, which Node uses): strict, so that what it calls an answer is one to everybody. What it
does not bound is bounded here: the size of heads and bodies.
"""

from __future__ import annotations

from typing import Final

import httptools

from tokenvault_client._transports import MAX_BODY_BYTES, Request, Response, too_long, whole
from tokenvault_client.errors import TransportError, UsageError

MAX_HEAD_BYTES: Final = 64 * 2**10
"""Of everything before the body, interim answers included. Ours are under one KiB."""
MAX_BYTES: Final = MAX_HEAD_BYTES + 2 * MAX_BODY_BYTES
"""Of everything: chunks have sizes, and may have trailers."""

_INTERIM: Final = range(100, 200)
"""Statuses after which another answer follows (RFC 9110, 15.2); those below are none."""
_VERSIONS: Final = frozenset({"1.0", "1.1"})


def wire(request: Request, authority: str, target: str) -> bytes:
    """Gives a request as it travels.

    Raises:
        UsageError: A part of it would break out of its line, or is not ASCII.
    """
    lines = [f"{request.method} {target} HTTP/1.1\r\nhost: {authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body is not None:
        lines.append(f"content-length: {len(request.body)}")
    count = len(lines) + 2  # the first is two lines, and an empty one ends the head
    lines.append("\r\n")
    try:
        head = "\r\n".join(lines).encode("ascii")
    except UnicodeEncodeError:
        raise UsageError("a request has headers in ASCII only") from None
    if head.count(b"\n") != count or head.count(b"\r") != count:
        raise UsageError("a header must not have a line end in it")
    return head if request.body is None else head + request.body


class AnswerReader:
    """Reads the answers of one connection, one after the other.

    The methods named `on_` are called by httptools, which hands what they raise to whoever feeds.
    """

    __slots__ = ("_body", "_body_bytes", "_bytes", "_headers", "_may_continue", "_parser", "_status", "is_complete")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._may_continue = False
        self.begin()

    def begin(self) -> None:
        """Expect the next answer."""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._bytes = 0
        self._body_bytes = 0
        self.is_complete = False

    @property
    def is_reusable(self) -> bool:
        """Tell whether the connection can carry another request: the answer is read, and is not the last."""
        return self.is_complete and self._may_continue

    def feed(self, data: bytes) -> Response | None:
        """Take what arrived, and give the answer when it is complete, once.

        Raises:
            TransportError: This is not HTTP, or longer than an answer may be.
        """
        was_complete = self.is_complete
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._may_continue = False
            _raise_interrupt(error)
            if not self.is_complete:  # whatever follows a whole answer is none of it
                raise TransportError(f"the answer is not HTTP: {error}", sent=True) from None
        if self.is_complete:
            return None if was_complete else self._response()
        self._bytes += len(data)
        if not self._status and self._bytes > MAX_HEAD_BYTES:
            raise TransportError(f"the head of the answer is longer than {MAX_HEAD_BYTES:,} bytes", sent=True)
        if self._body_bytes > MAX_BODY_BYTES or self._bytes > MAX_BYTES:
            raise too_long()
        return None

    def end(self) -> Response:
        """Give the answer that ends with its connection.

        Raises:
            TransportError: It was to be longer, or there was none.
        """
        if not self._status or "content-length" in self._headers or "transfer-encoding" in self._headers:
            raise TransportError("the connection was closed before the answer was whole", sent=True)
        return self._response()

    def on_message_begin(self) -> None:
        """Trust the connection only once this answer allows it: one that nobody asked for never does."""
        self._may_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; one that follows the body is a trailer, and must not stand for one."""
        if self._status:
            return
        key = name.decode("latin-1").lower()
        if key == "transfer-encoding" and (key in self._headers or value.lower() != b"chunked"):
            raise ValueError("another coding")
        self._headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the status, unless it is an interim one."""
        if self.is_complete:
            return
        if self._parser.get_http_version() not in _VERSIONS:
            raise ValueError("another version")
        status = self._parser.get_status_code()
        if status in _INTERIM:
            self._headers.clear()
            return
        if status < _INTERIM.start:
            raise ValueError("no status")
        self._status = status
        self._may_continue = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        if not self.is_complete:
            self._body.append(part)
            self._body_bytes += len(part)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it was an interim one."""
        self.is_complete = bool(self._status)

    def _response(self) -> Response:
        """Gives the answer away: a connection that waits must not hold on to a cryptogram."""
        headers, body = self._headers, self._body
        self._headers, self._body = {}, []
        return whole(self._status, headers, body[0] if len(body) == 1 else b"".join(body))


def _raise_interrupt(error: Exception) -> None:
    """Has Ctrl-C and its like go on, which httptools takes for a failure of the method that it came upon."""
    if isinstance(error.__context__, BaseException) and not isinstance(error.__context__, Exception):
        raise error.__context__ from None
