"""Two independent parsers never read the same bytes as different responses. Tokenvault's may reject more."""

from __future__ import annotations

import h11
from hypothesis import given
from hypothesis import strategies as st

from tests.client.faulty_server import CHUNKED, GOOD, response
from tokenvault_client._transports.http1.messages import ResponseReader
from tokenvault_client.errors import TransportError

SEEDS = (
    response(extra=b"x-request-id: r1\r\nConnection: keep-alive\r\n"),
    response(status="404 Not Found").replace(b"HTTP/1.1", b"HTTP/1.0"),
    b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + response(),
    b"HTTP/1.1 200 OK\r\n\r\n" + GOOD,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    CHUNKED + b"a;x=y\r\n" + GOOD[:10] + b"\r\nd\r\n" + GOOD[10:] + b"\r\n0\r\nx-request-id: forged\r\n\r\n",
)
PIECES = (
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"\0", b"\x80", b"0", b"1", b"9", b"-", b"+"),
    *(b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"transfer-encoding: identity\r\n", b"0\r\n\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 099 \r\n\r\n", b"Connection: close\r\n", b"\x0b", b"\x0c", b"0x2"),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a response with a few parts removed, repeated, or overwritten."""
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(raw[at : at + 20]))
        raw = raw[:at] + piece + raw[at + draw(st.integers(0, 4)) :]
    return raw


def parsed_by_reader(raw: bytes) -> tuple[int, bytes] | None:
    """Return status and body as `ResponseReader` reads them, or None if it rejects the bytes."""
    reader = ResponseReader()
    try:
        parsed = reader.feed(raw) or reader.end()
    except TransportError:
        return None
    return parsed.status, parsed.body


def parsed_by_h11(raw: bytes) -> tuple[int, bytes] | None:
    """Return status and body as h11 reads them, or None if it rejects the bytes."""
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(raw)
    peer.receive_data(b"")
    status, body = 0, b""
    try:
        while not isinstance(event := peer.next_event(), h11.EndOfMessage):
            match event:
                case h11.Response():
                    status = event.status_code
                case h11.Data():
                    body += bytes(event.data)
                case h11.InformationalResponse():
                    pass
                case _:
                    return None
    except h11.RemoteProtocolError:
        return None
    return status, body


@given(raw=mutated())
def test_two_parsers_never_read_different_responses_from_the_same_bytes(raw: bytes) -> None:
    one, other = parsed_by_reader(raw), parsed_by_h11(raw)
    if one and other:
        assert one == other
