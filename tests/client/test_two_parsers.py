"""Two parsers of different descent never make different answers of the same bytes; ours may refuse more."""

from __future__ import annotations

import h11
from hypothesis import given
from hypothesis import strategies as st

from tests.client.faults import CHUNKED, GOOD, answer
from tokenvault_client._transports.http1.messages import AnswerReader
from tokenvault_client.errors import TransportError

SEEDS = (
    answer(extra=b"x-request-id: r1\r\nConnection: keep-alive\r\n"),
    answer(status="404 Not Found").replace(b"HTTP/1.1", b"HTTP/1.0"),
    b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + answer(),
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
    """Draws an answer with a few places cut out, doubled, or overwritten."""
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(raw[at : at + 20]))
        raw = raw[:at] + piece + raw[at + draw(st.integers(0, 4)) :]
    return raw


def ours(raw: bytes) -> tuple[int, bytes] | None:
    """Gives what our reader makes of all that a connection brought, if it makes anything of it."""
    reader = AnswerReader()
    try:
        told = reader.feed(raw) or reader.end()
    except TransportError:
        return None
    return told.status, told.body


def theirs(raw: bytes) -> tuple[int, bytes] | None:
    """Gives the same of h11."""
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
def test_two_parsers_never_make_different_answers_of_the_same_bytes(raw: bytes) -> None:
    mine, other = ours(raw), theirs(raw)
    if mine and other:
        assert mine == other
