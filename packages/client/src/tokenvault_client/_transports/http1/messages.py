"""Requests and responses as bytes, without a socket.

The parser is httptools (llhttp, which Node uses). It is strict: it accepts only what every parser reads as the same
response. It has no limits, so this module bounds the size of heads and bodies.
"""

from __future__ import annotations

from typing import Final

import httptools

from tokenvault_client._secrets import Secret
from tokenvault_client._transports import MAX_BODY_BYTES, Request, Response, bounded_response, response_too_long
from tokenvault_client._transports import _schemes as schemes
from tokenvault_client.errors import TransportError, UsageError

MAX_HEAD_BYTES: Final = 64 * 2**10
"""The limit for everything before the body, interim responses included. Heads of this API are below 1 KiB."""
MAX_BYTES: Final = MAX_HEAD_BYTES + 2 * MAX_BODY_BYTES
"""The limit for a whole message: chunks have size lines, and may have trailers."""

_INTERIM: Final = range(100, 200)
"""The statuses after which another response follows (RFC 9110, 15.2). Lower numbers are not statuses."""
_VERSIONS: Final = frozenset({"1.0", "1.1"})


def encode_request(request: Request, authority: str, target: str) -> Secret[bytes]:
    """Return a request as bytes.

    Raises:
        UsageError: A part of the head contains a line end, or is not ASCII.
    """
    # 1. Join the head line by line.
    lines = [f"{request.method} {target} HTTP/1.1\r\nhost: {authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body is not None:
        lines.append(f"content-length: {len(request.body)}")
    line_ends = len(lines) + 2  # the first element has two lines, and an empty line ends the head
    lines.append("\r\n")
    try:
        head = "\r\n".join(lines).encode("ascii")
    except UnicodeEncodeError:
        raise UsageError("a request can only have headers in ASCII") from None
    # 2. Count the line ends. A part with a line end in it would start a header, or a second request.
    if head.count(b"\n") != line_ends or head.count(b"\r") != line_ends:
        raise UsageError("a header must not contain a line end")
    body = request.body
    return Secret(head if body is None else head + body)


class ResponseReader:
    """Reads the responses of one connection, one after the other.

    httptools calls the methods named `on_`. The caller of `feed` receives their exceptions.
    """

    __slots__ = ("_body", "_body_bytes", "_bytes", "_headers", "_may_continue", "_parser", "_status", "is_complete")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._may_continue = False
        self.begin()

    def begin(self) -> None:
        """Prepare for the next response."""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._bytes = 0
        self._body_bytes = 0
        self.is_complete = False

    @property
    def is_reusable(self) -> bool:
        """Whether the connection can carry another request: the response is complete and keeps it open."""
        return self.is_complete and self._may_continue

    def feed(self, data: bytes) -> Response | None:
        """Take received bytes. Return the response once, when it is complete.

        Raises:
            TransportError: The bytes are not HTTP, or exceed a limit.
        """
        was_complete = self.is_complete
        # 1. Parse. The callbacks below collect the parts.
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._may_continue = False
            _reraise_interrupt(error)
            # Bytes after a complete response do not invalidate it. They only end the connection.
            if not self.is_complete:
                reason = schemes.TLS if not self._bytes and schemes.is_tls(data) else error
                raise TransportError(f"the response is not HTTP: {reason}", sent=True) from None
        # 2. Return a response that this data has completed.
        if self.is_complete:
            return None if was_complete else self._take_response()
        # 3. Check the limits of an incomplete response.
        self._bytes += len(data)
        if not self._status and self._bytes > MAX_HEAD_BYTES:
            raise TransportError(f"the head of the response is longer than {MAX_HEAD_BYTES:,} bytes", sent=True)
        if self._body_bytes > MAX_BODY_BYTES or self._bytes > MAX_BYTES:
            raise response_too_long()
        return None

    def end(self) -> Response:
        """Return the response that ends with its connection.

        Raises:
            TransportError: There is no response, or it is incomplete.
        """
        if not self._status or "content-length" in self._headers or "transfer-encoding" in self._headers:
            raise TransportError("the connection was closed before the response was complete", sent=True)
        return self._take_response()

    def on_message_begin(self) -> None:
        """Forbid reuse until this response allows it. A response without a request never does."""
        self._may_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header. Ignore trailers, which follow the body: they must not replace a header."""
        if self._status:
            return
        key = name.decode("latin-1").lower()
        if key == "transfer-encoding" and (key in self._headers or value.lower() != b"chunked"):
            raise ValueError("unsupported transfer coding")
        self._headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Store the status, unless the response is an interim one."""
        if self.is_complete:
            return
        if self._parser.get_http_version() not in _VERSIONS:
            raise ValueError("unsupported version")
        status = self._parser.get_status_code()
        if status in _INTERIM:
            self._headers.clear()
            return
        if status < _INTERIM.start:
            raise ValueError("invalid status")
        self._status = status
        self._may_continue = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """Store a part of the body."""
        if not self.is_complete:
            self._body.append(part)
            self._body_bytes += len(part)

    def on_message_complete(self) -> None:
        """Mark the response as complete, unless it was an interim one."""
        self.is_complete = bool(self._status)

    def _take_response(self) -> Response:
        """Return the response and forget it: an idle connection must not hold a cryptogram in memory."""
        headers, body = self._headers, self._body
        self._headers, self._body = {}, []
        return bounded_response(self._status, headers, body[0] if len(body) == 1 else b"".join(body))


def _reraise_interrupt(error: Exception) -> None:
    """Raise a KeyboardInterrupt or the like again, which httptools reports as a failure of the callback."""
    if isinstance(error.__context__, BaseException) and not isinstance(error.__context__, Exception):
        raise error.__context__ from None
