"""Requests and responses as bytes, without a socket."""

from __future__ import annotations

import re
import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.faulty_server import GOOD, response
from tokenvault_client._transports import MAX_BODY_BYTES, Request, Response
from tokenvault_client._transports.http1.messages import MAX_BYTES, MAX_HEAD_BYTES, ResponseReader, encode_request
from tokenvault_client.errors import TransportError, UsageError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = Response(200, {"content-length": "23"}, GOOD)


def split(raw: bytes, offsets: list[int]) -> list[bytes]:
    """Return the bytes in parts."""
    ends = sorted({offset % (len(raw) + 1) for offset in offsets} | {0, len(raw)})
    return [raw[start:end] for start, end in pairwise(ends)]


def read(reader: ResponseReader, *parts: bytes) -> list[Response]:
    """Feed parts to the reader and return the responses."""
    return [each for each in map(reader.feed, parts) if each]


def assert_rejected(reader: ResponseReader, part: bytes, message: str) -> None:
    with pytest.raises(TransportError, match=message) as failed:
        reader.feed(part)
    assert failed.value.sent
    assert not reader.is_reusable


@given(offsets=st.lists(st.integers(min_value=0)))
@pytest.mark.parametrize(
    "raw",
    [
        response(),
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nlink: </x>\r\n\r\n" + response(),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + response(),
        response(status="200"),
    ],
)
def test_a_response_is_the_same_for_any_split(raw: bytes, offsets: list[int]) -> None:
    reader = ResponseReader()
    assert read(reader, *split(raw, offsets)) == [OK]
    assert reader.is_reusable


@given(offsets=st.lists(st.integers(min_value=0)))
def test_chunks_are_joined_and_trailers_are_no_headers(offsets: list[int]) -> None:
    raw = CHUNKED + b"a;x=y\r\n" + GOOD[:10] + b"\r\nd\r\n" + GOOD[10:] + b"\r\n0\r\nx-request-id: forged\r\n\r\n"
    assert read(ResponseReader(), *split(raw, offsets)) == [Response(200, {"transfer-encoding": "chunked"}, GOOD)]


def test_one_connection_carries_many_responses() -> None:
    reader = ResponseReader()
    for status in (200, 404, 204, 503, 200):
        reader.begin()
        (parsed,) = read(reader, response(b"" if status == 204 else GOOD, status=f"{status} x"))
        assert (parsed.status, reader.is_reusable) == (status, True)


def test_headers_of_an_earlier_response_are_forgotten() -> None:
    reader = ResponseReader()
    reader.feed(response(extra=b"x-request-id: first\r\n"))
    reader.begin()
    assert read(reader, response()) == [OK]


@pytest.mark.parametrize(
    "raw",
    [
        response(extra=b"Connection: close\r\n"),
        response().replace(b"HTTP/1.1", b"HTTP/1.0"),
        response() + b"x",
        response() + response(b"another card"),
        response() + b"HTTP/1.1 ",
    ],
)
def test_a_connection_that_may_not_continue_is_not_reusable(raw: bytes) -> None:
    reader = ResponseReader()
    (parsed,) = read(reader, raw)
    assert parsed.body == GOOD
    assert not reader.is_reusable


def test_bytes_after_a_complete_response_do_not_change_it() -> None:
    reader = ResponseReader()
    assert read(reader, response(), response(b"another card", status="500 x", extra=b"x: y\r\n")) == [OK]
    assert not reader.is_reusable


def test_a_response_without_a_length_ends_with_its_connection() -> None:
    reader = ResponseReader()
    assert read(reader, b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n", GOOD) == []
    assert reader.end() == Response(200, {"x": "y"}, GOOD)
    assert not reader.is_reusable


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        response(length=100),
        CHUNKED + b"17\r\n" + GOOD + b"\r\n",
    ],
)
def test_a_connection_that_ends_early_is_an_error(raw: bytes) -> None:
    reader = ResponseReader()
    assert read(reader, raw) == []
    with pytest.raises(TransportError, match="before the response was complete") as failed:
        reader.end()
    assert failed.value.sent


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 23\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n name: folded\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 099 Nearly\r\nContent-Length: 2\r\n\r\n[]" + response(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"ffffffffffffffffff\r\n",
    ],
)
def test_an_ambiguous_response_is_rejected(raw: bytes) -> None:
    assert_rejected(ResponseReader(), raw, "not HTTP")


def test_the_limit_of_a_head_includes_interim_responses() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    reader = ResponseReader()
    fitting = hints * (MAX_HEAD_BYTES // len(hints))
    assert reader.feed(fitting) is None
    assert_rejected(reader, hints, "the head of the response is longer than 65,536 bytes")


def test_the_limit_of_a_body_applies_before_its_end() -> None:
    reader = ResponseReader()
    reader.feed(response(b"", length=10**12))
    assert reader.feed(b" " * MAX_BODY_BYTES) is None
    assert_rejected(reader, b" ", "longer than 4,194,304 bytes")


@pytest.mark.parametrize("repeated", [b"1;" + b"x" * 1000 + b"\r\n \r\n", b"0\r\nx: " + b"y" * 1000])
def test_chunk_extensions_and_trailers_have_a_limit(repeated: bytes) -> None:
    reader = ResponseReader()
    reader.feed(CHUNKED + repeated * (MAX_BYTES // len(repeated) - 1))
    with pytest.raises(TransportError):
        assert read(reader, repeated, repeated) == []


def test_a_reader_forgets_the_response_that_it_returns() -> None:
    """A connection can be idle for a minute, and the response may have contained a cryptogram."""
    reader = ResponseReader()
    (parsed,) = read(reader, response(extra=b"x-secret: hush\r\n"))
    held = [value for name in ResponseReader.__slots__ for value in [getattr(reader, name)]]
    assert parsed.body == GOOD
    assert [value for value in held if value and isinstance(value, list | dict)] == []


@pytest.mark.parametrize("is_complete", [False, True])
def test_an_interrupt_while_reading_is_not_reported_as_a_bad_response(*, is_complete: bool) -> None:
    class Interrupted(ResponseReader):
        def on_message_begin(self) -> None:
            if self.is_complete == is_complete:
                raise KeyboardInterrupt
            super().on_message_begin()

    reader = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        reader.feed(response() + b"unexpected data")
    assert not reader.is_reusable


def test_a_head_that_is_not_ascii_is_read() -> None:
    (parsed,) = read(ResponseReader(), response(extra="x-Odd: é\r\n".encode()))
    assert parsed.headers["x-odd"] == "Ã©"


VISIBLE = st.text(st.sampled_from(string.printable[:-5]), min_size=1)


@given(name=VISIBLE, value=VISIBLE, body=st.none() | st.binary())
def test_a_request_has_a_line_for_each_header_and_then_its_body(name: str, value: str, body: bytes | None) -> None:
    request = Request("POST", "http://a/b", ((name, value), ("x", "y")), body)
    length = "" if body is None else f"content-length: {len(body)}\r\n"
    head = f"POST /b HTTP/1.1\r\nhost: a\r\n{name}: {value}\r\nx: y\r\n{length}\r\n"
    assert encode_request(request, "a", "/b").reveal() == head.encode() + (body or b"")


@settings(max_examples=25)  # for each of twelve combinations
@given(before=VISIBLE, after=VISIBLE)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n\r\n"])
@pytest.mark.parametrize("part", ["name", "value", "target"])
def test_no_part_of_a_head_can_contain_a_line_end(part: str, end: str, before: str, after: str) -> None:
    parts = {"name": "x", "value": "y", "target": "/b"} | {part: before + end + after}
    request = Request("GET", "http://a/b", ((parts["name"], parts["value"]),))
    with pytest.raises(UsageError, match="line end") as rejected:
        encode_request(request, "a", parts["target"])
    assert not re.search(re.escape(before + end), str(rejected.value))


def test_a_header_that_is_not_ascii_is_not_sent() -> None:
    with pytest.raises(UsageError, match="ASCII") as rejected:
        encode_request(Request("GET", "http://a/b", (("x-client-secret", "gehéim"),)), "a", "/b")
    assert "geh" not in str(rejected.value)
    assert rejected.value.__cause__ is None
